import { decodeQR } from 'qr/decode.js';
import sharp from 'sharp';
import { expect, test } from 'vitest';
import { chatLink, passOnWords } from '../../worker/people/invitation.ts';
import { drawQr } from '../../worker/people/qr-picture.ts';
import { nameFrom, welcomeWords } from '../../worker/people/meet.ts';

const [own, sandbox] = ['+15550100000', '+14155238886'];

test('the link opens our chat with a first text, in Twilio’s sandbox with the words that let a phone in', () => {
  expect(chatLink({ number: own, joinWords: undefined })).toBe(
    'https://wa.me/15550100000?text=Hello',
  );
  expect(chatLink({ number: own, joinWords: 'join copper-fox' })).toBe(
    'https://wa.me/15550100000?text=Hello',
  );
  expect(chatLink({ number: sandbox, joinWords: 'join copper-fox' })).toBe(
    'https://wa.me/14155238886?text=join%20copper-fox',
  );
  expect(chatLink({ number: sandbox, joinWords: undefined })).toBe('https://wa.me/14155238886');
});

test('the owner is told what to pass on, and the invited person who reads along and pays', () => {
  const words = (number: string, joinWords?: string): string =>
    passOnWords({ number, joinWords }, '+49 170 1234567', 7);
  expect(words(own)).toContain('within 7 days');
  expect(words(own)).not.toContain('sandbox');
  expect(words(sandbox, 'join copper-fox')).toContain('send “join copper-fox” first');
  expect(words(sandbox)).toContain('the two words that Twilio’s console shows you');
  const welcome = welcomeWords('Ana (+49 170 1234567)');
  for (const part of ['Ana (+49 170 1234567) has invited you', 'can read along', 'they pay'])
    expect(welcome).toContain(part);
});

test('a name that a person has chosen stays within its line, whatever it is', () => {
  for (const [profile, name] of [
    ['Ana Müller', 'Ana Müller'],
    ['👩\u{200D}👩\u{200D}👧 नमस्ते', '👩\u{200D}👩\u{200D}👧 नमस्ते'],
    ['Ann)\n3. *+49 170 1234567* (you', 'Ann) 3. +49 170 1234567 (you'],
    ['\u202Eevil\u2066\u{E0041}', 'evil'],
    ['a\uD800b', 'a\uFFFDb'],
    ['\u200B \n', ''],
  ] as const)
    expect(nameFrom(profile)).toBe(name);
  expect(nameFrom('x'.repeat(5000))).toBe(`${'x'.repeat(59)}…`);
});

test.each(['https://wa.me/15550100000?text=Hello', 'x', `https://wa.me/${'1'.repeat(400)}`])(
  'the picture of “%s” is read by a reader of QR codes',
  async (text) => {
    const { data, info } = await sharp(drawQr(text))
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info.width).toBe(info.height);
    expect(decodeQR({ data: new Uint8Array(data), width: info.width, height: info.height })).toBe(
      text,
    );
  },
);
