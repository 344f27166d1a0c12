import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { contactWords, parseContacts } from '../../../worker/media/contact-card.ts';
import { anyCharacter } from '../../support/any-character.ts';

const words = (...lines: string[]): string[] => parseContacts(lines.join('\r\n')).map(contactWords);

test('a contact as WhatsApp on Android shares it', () => {
  expect(
    words(
      'BEGIN:VCARD',
      'VERSION:3.0',
      'N:Lovelace;Ada;;;',
      'FN:Ada Lovelace',
      'item1.TEL;waid=442079460000:+44 20 7946 0000',
      'item1.X-ABLabel:Mobile',
      'ORG:Analytical Engines;Research',
      'END:VCARD',
    ),
  ).toEqual(['Ada Lovelace, +44 20 7946 0000 (mobile), Analytical Engines, Research']);
});

test('a contact as an iPhone shares it, with a folded picture between', () => {
  expect(
    words(
      'BEGIN:VCARD',
      'VERSION:3.0',
      'N:Müller;Jörg;;;',
      'FN:Jörg Müller',
      'TEL;type=CELL;type=VOICE;type=pref:+49 151 5550001',
      'TEL;type=WORK:+49 30 5550002',
      'item1.EMAIL;type=INTERNET:joerg@example.com',
      'item2.TEL:+49 151 5550003',
      'item2.X-ABLabel:_$!<Home>!$_',
      'PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD',
      ' /2wBDAAgGBgcGBQgH',
      ' BwcJCQgKDBQN',
      'ADR;type=HOME:;;Lange Straße 1;Berlin;;10115;Germany',
      'END:VCARD',
    ),
  ).toEqual([
    'Jörg Müller, +49 151 5550001 (cell), +49 30 5550002 (work), +49 151 5550003 (home), joerg@example.com, Lange Straße 1, Berlin, 10115, Germany',
  ]);
});

test('an old card in quoted-printable, with soft breaks and its own character set', () => {
  expect(
    words(
      'BEGIN:VCARD',
      'VERSION:2.1',
      'N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BC=',
      'ller;J=C3=B6rg;;;',
      'TEL;CELL:0151 555',
      'END:VCARD',
    ),
  ).toEqual(['Jörg Müller, 0151 555 (cell)']);
  expect(
    words('BEGIN:VCARD', 'FN;QUOTED-PRINTABLE;CHARSET=ISO-8859-1:J=F6rg', 'TEL:1', 'END:VCARD'),
  ).toEqual(['Jörg, 1']);
  expect(
    words(
      'BEGIN:VCARD',
      'FN;ENCODING=QUOTED-PRINTABLE:Ada=',
      ' Lovelace=0D=0A=',
      '\tCountess',
      'TEL:1',
      'END:VCARD',
    ),
  ).toEqual(['Ada Lovelace Countess, 1']);
});

test('a new card with addresses in place of values and quoted parameters', () => {
  expect(
    words(
      'BEGIN:VCARD',
      'VERSION:4.0',
      'FN:Zoë\\, the “one”\\nand only',
      'TEL;VALUE=uri;TYPE="voice,home":tel:+33-01-23-45-67',
      'EMAIL;LABEL="a:b;c":mailto:zoe@example.com',
      'END:VCARD',
    ),
  ).toEqual(['Zoë, the “one” and only, +33-01-23-45-67 (home), zoe@example.com']);
});

test('several contacts in one file, one without a name and one with nothing', () => {
  expect(
    words(
      'BEGIN:VCARD',
      'FN:Ann',
      'TEL:1',
      'END:VCARD',
      'BEGIN:VCARD',
      'TEL;TYPE=fax:2',
      'END:VCARD',
      'BEGIN:VCARD',
      'NOTE:nothing',
      'END:VCARD',
      'begin:vcard',
      'fn:Bob',
      'tel:3',
    ),
  ).toEqual(['Ann, 1', 'no name, 2 (fax)', 'Bob, 3']);
});

test('no text makes it fail or take long', () => {
  const line = fc.constantFrom(
    'BEGIN:VCARD',
    'END:VCARD',
    'FN:',
    ' folded',
    'TEL;;;;"',
    'N;ENCODING=QUOTED-PRINTABLE:=ZZ=',
    'TEL;CHARSET=nonsense;ENCODING=QUOTED-PRINTABLE:=41',
    'a.b.c:d',
    ':',
    '\u{FEFF}',
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(line, fc.string({ unit: anyCharacter })), { maxLength: 30 }),
      (lines) => {
        for (const contact of parseContacts(lines.join('\n')))
          expect(contactWords(contact)).not.toContain('\n');
      },
    ),
  );
  const begun = Date.now();
  parseContacts(
    `BEGIN:VCARD\nTEL${';'.repeat(200_000)}\nTEL;"${'x;'.repeat(200_000)}\nN:${'\\;'.repeat(100_000)}`,
  );
  expect(Date.now() - begun).toBeLessThan(5000);
});
