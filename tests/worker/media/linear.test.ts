import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { reportError } from '../../../shared/runtime/errors.ts';
import { savedPicture } from '../../../worker/agent/claude/saved-picture.ts';
import { asksToSee } from '../../../worker/tools/asked-to-see.ts';
import { describeFile } from '../../../worker/tools/file-kind.ts';
import { parseContacts } from '../../../worker/media/contact-card.ts';
import { fileType } from '../../../worker/media/file-type.ts';
import { inspectPdf } from '../../../worker/media/pdf.ts';
import { textEncoding, toUtf8 } from '../../../worker/media/text-encoding.ts';
import { decodeFrames } from '../../../worker/reading/frame.ts';
import { pictureSize } from '../../../worker/reading/picture-size.ts';
import { chunk } from '../../../worker/reply/chunk.ts';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/**
 * What reads foreign bytes or words, with what it looks for and what has to come first for it to
 * look at all.
 */
const parsers: {
  name: string;
  run: (text: string) => unknown;
  first: string[];
  tokens: string[];
}[] = [
  {
    name: 'kind of file',
    run: (text) => fileType(bytes(text), 'text/plain'),
    first: [
      '',
      '<?xml?>',
      '\x89PNG\r\n\x1a\n',
      'PK\x03\x04',
      '\0\0\xff\xffftypmif1\0\0\0\0',
      'OggS',
    ],
    tokens: [
      '<!--',
      '-->',
      '<!---->',
      '<?xml',
      '?>',
      '<!DOCTYPE svg',
      '>',
      ' ',
      '\n',
      '<svg',
      'x',
      'word/',
      '\0',
    ],
  },
  {
    name: 'what goes out',
    run: (text) => describeFile('file.mp4', bytes(text)),
    first: ['', '\0\0\0\x20ftypisom\0\0\0\0', 'OggS'],
    tokens: ['avc', 'avc1', 'Opus', 'OpusHea', 'a', '\xe9', '\0'],
  },
  {
    name: 'encoding',
    run: (text) => toUtf8(bytes(text), textEncoding(bytes(text), true) ?? 'utf-8'),
    first: ['', '\xff\xfe', '\xfe\xff'],
    tokens: ['a', '\0', 'a\0', '\0a', '\xe9', '\xc3\xa9', '\xd8', '\x81', '\n', '\xff'],
  },
  {
    name: 'PDF',
    run: (text) => inspectPdf(bytes(text)),
    first: ['%PDF-1.7\n'],
    tokens: [
      '/ObjStm',
      ' ',
      'stream',
      '\n',
      'endstream',
      '/ObjStm stream\n',
      '/Type',
      '/Page',
      '/Type /Page',
      '/Encrypt',
      'x\x9c',
      '\0',
      'startxref',
    ],
  },
  {
    name: 'contacts',
    run: (text) => parseContacts(text),
    first: [
      '',
      'BEGIN:VCARD\n',
      'BEGIN:VCARD\nTEL',
      'BEGIN:VCARD\nTEL;"',
      'BEGIN:VCARD\nN;QUOTED-PRINTABLE:',
    ],
    tokens: [
      'BEGIN:VCARD\n',
      'END:VCARD\n',
      'TEL:1\n',
      'a.TEL:1\n',
      'a.X-ABLabel:b\n',
      ';TYPE=a',
      ';',
      '"',
      ':',
      ',',
      '=\n',
      '\n ',
      '=41',
      '\\;',
      '\\',
      'FN:a\n',
      '\n',
      ' ',
      '\r',
    ],
  },
  {
    name: 'saved picture',
    run: (text) => savedPicture([{ type: 'text', text }]),
    first: ['', '- [Screenshot of '],
    tokens: ['](/', ')', '- [Screenshot of ', '\n', ']', '(', '/'],
  },
  {
    name: 'asked to see',
    run: (text) => asksToSee([text]),
    first: ['', 'how does ', 'no '],
    tokens: ['no ', 'how ', 'look', ' ', 'x', 'без ', 'screen', 'kein', 'é', '.'],
  },
  {
    name: 'cutting',
    run: (text) => chunk(text),
    first: ['', '*', '```\n'],
    tokens: [
      '*',
      '_',
      '~',
      '`',
      '```',
      '\n',
      ' ',
      'x',
      '. ',
      '.',
      '!',
      '…',
      '> ',
      '1. ',
      ', ',
      '😀',
      '。',
    ],
  },
  {
    name: 'errors',
    run: (text) => reportError(new Error(text)),
    first: ['', '"'],
    tokens: ['"', ' is not valid JSON', '...', ', ', ', with args beginning with: '],
  },
  {
    name: 'size of a picture',
    run: (text) =>
      ['image/png', 'image/jpeg', 'image/gif', 'image/webp'].map((type) =>
        pictureSize(bytes(text), type),
      ),
    first: ['\xff\xd8', '\x89PNG', 'RIFFxxxxWEBP'],
    tokens: ['\xff', '\xff\xfe\0\x02', '\0', 'VP8 '],
  },
  {
    name: 'frames',
    run: (text) => decodeFrames(bytes(text)),
    first: [''],
    tokens: ['\0\0\0\x02\0\0\0\0{}', '\0\0\0\x01\0\0\0\x010000', '\0'],
  },
];

/** The processor's time (ms) of this thread. What is thrown is as good as what is returned. */
function timeOf(run: (text: string) => unknown, text: string): number {
  const begun = process.threadCpuUsage();
  try {
    run(text);
  } catch {
    // A frame that is none.
  }
  const { user, system } = process.threadCpuUsage(begun);
  return (user + system) / 1000;
}

/** The least of several times: a collection of garbage can double one. */
const leastOf = (run: (text: string) => unknown, text: string): number =>
  Math.min(...Array.from({ length: 8 }, () => timeOf(run, text)));

/**
 * Characters of the smaller and of the larger text, and how much longer the eight times larger one
 * may take.
 */
const [small, large] = [5000, 40_000];
const mostGrowth = 24;
/** Under this (ms) a time says nothing. */
const tellingMs = 15;

test.each(parsers)('$name takes a time that grows with the length', ({ run, first, tokens }) => {
  const attack = fc.tuple(
    fc.constantFrom(...first),
    fc.array(fc.constantFrom(...tokens), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', 'x', '\n', '\0'),
  );
  const singles = first.flatMap((beginning) =>
    tokens.map((token): [string, string[], string] => [beginning, [token], 'x']),
  );
  fc.assert(
    fc.property(attack, ([beginning, pump, end]) => {
      const text = (length: number): string =>
        `${beginning}${pump.join('').repeat(Math.ceil(length / pump.join('').length))}${end}`;
      // Short first: what is exponential would take for ever.
      for (const length of [60, 120, 240])
        expect(timeOf(run, text(length)) < 500 || leastOf(run, text(length)) < 500).toBe(true);
      const once = timeOf(run, text(large));
      if (once < tellingMs || once < timeOf(run, text(small)) * mostGrowth) return;
      expect(leastOf(run, text(large))).toBeLessThan(
        Math.max(leastOf(run, text(small)), tellingMs / 8) * mostGrowth,
      );
    }),
    {
      numRuns: singles.length + 40,
      examples: singles.map((single): [[string, string[], string]] => [single]),
    },
  );
});
