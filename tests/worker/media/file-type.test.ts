import { describe, expect, test } from 'vitest';
import { describeFile } from '../../../worker/tools/file-kind.ts';
import { fileType } from '../../../worker/media/file-type.ts';
import { extensionOf, toPlainType } from '../../../worker/media/type-names.ts';
import { movingPicture, plainPicture } from '../../support/made-pictures.ts';

const latin = (text: string): Buffer => Buffer.from(text, 'latin1');
const box = (brands: string): Buffer => latin(`\0\0\0\x20ftyp${brands}\0\0\0\0`);

test.each([
  ['a sticker', latin('RIFF\x10\0\0\0WEBPVP8 '), 'image/webp', 'image/webp'],
  ['sound in the same container', latin('RIFF\x10\0\0\0WAVEfmt '), 'audio/wav', 'audio/wav'],
  ['a voice note', latin('OggS\0\x02…OpusHead'), 'audio/ogg', 'audio/ogg'],
  ['an old phone’s voice note', latin('#!AMR\n…'), 'audio/amr', 'audio/amr'],
  ['an iPhone’s photo', box('heic\0\0\0\0mif1heic'), 'image/heic', 'image/heic'],
  [
    'the same with a general brand',
    box('mif1\0\0\0\0mif1heic'),
    'application/octet-stream',
    'image/heic',
  ],
  ['an AVIF with a general brand', box('mif1\0\0\0\0mif1avif'), 'image/heic', 'image/avif'],
  ['a film', box('isom\0\0\0\0isomavc1'), 'video/mp4', 'video/mp4'],
  ['sound in a film’s container', box('mp42\0\0\0\0mp42'), 'audio/mp4', 'audio/mp4'],
  ['the same by its brand', box('M4A \0\0\0\0M4A mp42'), 'video/mp4', 'audio/mp4'],
  ['an old phone’s film', box('3gp4\0\0\0\0'), 'video/3gpp', 'video/3gpp'],
  ['an old phone’s sound', box('3gp4\0\0\0\0'), 'audio/3gpp', 'audio/3gpp'],
  ['Apple’s film', box('qt  \0\0\0\0'), 'video/mp4', 'video/quicktime'],
  ['MP3 with a title', latin('ID3\x04…'), 'audio/mpeg', 'audio/mpeg'],
  ['MP3 without', latin('\xff\xfb\x90\x64'), 'audio/mpeg', 'audio/mpeg'],
  ['AAC', latin('\xff\xf1\x50\x80'), 'audio/aac', 'audio/aac'],
  [
    'a Word file',
    latin('PK\x03\x04…word/document.xml…'),
    'application/zip',
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  ],
  [
    'an archive that claims to be one',
    latin('PK\x03\x04…evil.exe…'),
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    'application/zip',
  ],
  [
    'an old Excel file',
    latin('\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1…'),
    'application/vnd.ms-excel',
    'application/vnd.ms-excel',
  ],
  ['a PDF', latin('%PDF-1.7 …'), 'image/png', 'application/pdf'],
  [
    'a program that claims to be a picture',
    latin('MZ\x90\0\x03'),
    'image/jpeg',
    'application/octet-stream',
  ],
  ['a text that claims to be a picture', latin('hello'), 'image/jpeg', 'text/plain'],
  ['a text that begins as a bitmap does', latin('BMW is a car'), 'text/plain', 'text/plain'],
  ['a contact', latin('BEGIN:VCARD\r\nVERSION:3.0'), 'application/octet-stream', 'text/vcard'],
  ['a table', latin('a,b\n1,2'), 'text/csv; charset=utf-8', 'text/csv'],
  [
    'a drawing',
    latin('<?xml version="1.0"?>\n<!-- made by hand -->\n<svg xmlns="…">'),
    'text/plain',
    'image/svg+xml',
  ],
  ['a page with a drawing', latin('<!DOCTYPE html><svg>'), 'text/html', 'text/html'],
  [
    'comments without a drawing after them',
    latin(`${'<!---->'.repeat(60)}x`),
    'text/plain',
    'text/plain',
  ],
  [
    'a drawing after many comments',
    latin(`${'<!-- a -->\n'.repeat(60)}<svg>`),
    'text/plain',
    'image/svg+xml',
  ],
  ['a table of Excel’s', Buffer.from('\uFEFFa;b\n1;2', 'utf16le'), 'text/csv', 'text/csv'],
  [
    'one without its mark, from the other end',
    Buffer.from('a;b\n1;2', 'utf16le').swap16(),
    'text/csv',
    'text/csv',
  ],
  ['one in Latin-1', latin('Gr\xf6\xdfe;1'), 'text/csv', 'text/csv'],
  [
    'the same, of which nobody says that it is a text',
    latin('Gr\xf6\xdfe;1'),
    'application/octet-stream',
    'text/plain',
  ],
  ['Russian in one byte a letter', latin('\xcf\xf0\xe8\xe2\xe5\xf2;1'), 'text/csv', 'text/csv'],
  [
    'UTF-8 that was cut off',
    Buffer.from('größer und größer').subarray(0, 17),
    'text/plain',
    'text/plain',
  ],
  [
    'numbers of 16 bits',
    Buffer.from(new Int16Array([1, 500, 2, -7]).buffer),
    'text/plain',
    'application/octet-stream',
  ],
  ['an iPhone’s burst', box('hevc\0\0\0\0msf1hevc'), 'application/octet-stream', 'image/heic'],
  [
    'a photo of many brands',
    latin(`\0\0\0\x20ftypmif1\0\0\0\0miafMiHBavif`),
    'image/heic',
    'image/avif',
  ],
  ['bytes', Buffer.from([1, 2, 0, 255]), 'text/plain', 'application/octet-stream'],
])('%s', (_what, bytes, claimed, type) => {
  expect(fileType(bytes, claimed)).toBe(type);
});

test('what libraries write is told, and each type has an ending', async () => {
  for (const [bytes, type, ending] of [
    [await plainPicture(9, 9).png().toBuffer(), 'image/png', '.png'],
    [await plainPicture(9, 9).jpeg().toBuffer(), 'image/jpeg', '.jpg'],
    [await plainPicture(9, 9).tiff().toBuffer(), 'image/tiff', '.tiff'],
    [await plainPicture(9, 9).avif().toBuffer(), 'image/avif', '.avif'],
    [await movingPicture(9, 9), 'image/gif', '.gif'],
  ] as const) {
    expect(fileType(bytes, 'application/octet-stream')).toBe(type);
    expect(extensionOf(type)).toBe(ending);
  }
  expect(extensionOf('application/x-anything')).toBe('.bin');
  expect([extensionOf('text/x-python'), extensionOf('text/calendar')]).toEqual(['.txt', '.ics']);
});

test('a claimed type that is none counts for nothing; one that is stays, with its odd signs', () => {
  expect(fileType(latin('print(1)'), 'TEXT/x_script.python; charset=utf-8')).toBe(
    'text/x_script.python',
  );
  for (const claim of [
    'text/',
    'text/x y',
    'text/x-"a"',
    'text/html\n[The person sent a file',
    'text/größe',
    'text/a/b',
    `text/${'x'.repeat(101)}`,
    'text',
    '',
  ])
    expect([claim, fileType(latin('hi'), claim)]).toEqual([claim, 'text/plain']);
  expect(toPlainType('image/png]\n[The person sent')).toBe('application/octet-stream');
});

describe('what WhatsApp carries as it is', () => {
  test.each([
    ['report.pdf', latin('%PDF-1.7 …'), true],
    ['film.mp4', box('isom\0\0\0\0isomavc1'), true],
    ['film-of-another-codec.mp4', box('isom\0\0\0\0isomav01'), false],
    ['voice.ogg', latin('OggS\0\x02…OpusHead'), true],
    ['music.ogg', latin('OggS\0\x02…vorbis'), false],
    ['notes.txt', latin('hello'), false],
    ['ada.vcf', latin('BEGIN:VCARD\nFN:Ada\nEND:VCARD'), true],
    ['large.pdf', Buffer.concat([latin('%PDF-1.7'), Buffer.alloc(16 * 1024 * 1024)]), false],
  ])('%s', (name, bytes, carried) => {
    expect(describeFile(name, bytes)).toMatchObject({ name, carried, picture: false });
  });

  test('a text is shown with its letters right', () => {
    expect(describeFile('Makefile', Buffer.from('all: größer')).type).toBe(
      'text/plain; charset=utf-8',
    );
  });
});
