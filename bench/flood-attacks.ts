import { randomBytes } from 'node:crypto';

/**
 * What a connection of an attack sends, again after each answer; '' sends nothing. `index` counts
 * the sends.
 */
export type Attack = (index: number) => Buffer;

const signature = 'X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=';
const formType = 'Content-Type: application/x-www-form-urlencoded';
const full = 64_000;

/** From a different address each time, as far as the relay trusts that. */
const by = (index: number): string =>
  `X-Forwarded-For: 10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
const post = (body: string, ...headers: string[]): Buffer =>
  Buffer.from(
    `${['POST /webhook HTTP/1.1', 'Host: x', formType, signature, ...headers, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n${body}`,
  );
const get = (path: string, ...headers: string[]): Buffer =>
  Buffer.from(`${[`GET ${path} HTTP/1.1`, 'Host: x', ...headers].join('\r\n')}\r\n\r\n`);

/**
 * Forms that cost the most to parse, sort and hash, and other input that is expensive for Node or
 * Express, by name.
 */
export const attacks = {
  '32,000 parameters': () => post('a&'.repeat(full / 2)),
  '32,000 parameters, many addresses': (index) => post('a&'.repeat(full / 2), by(index)),
  '64 kB of per cent signs, many addresses': (index) => post(`a=${'%'.repeat(full)}`, by(index)),
  '64 kB of plus signs, many addresses': (index) => post('+'.repeat(full), by(index)),
  '199 equal names, many addresses': (index) =>
    post(`${'a'.repeat(300)}=1&`.repeat(199), by(index)),
  'a short form, many addresses': (index) => post('MessageSid=x&Body=hello', by(index)),
  '2,000 requests in a write': () =>
    Buffer.concat(Array.from({ length: 2000 }, () => get('/health'))),
  'a body in 10,000 chunks': (index) =>
    Buffer.from(
      `POST /webhook HTTP/1.1\r\nHost: x\r\n${formType}\r\n${signature}\r\n${by(index)}\r\nTransfer-Encoding: chunked\r\n\r\n${'1\r\na\r\n'.repeat(10_000)}0\r\n\r\n`,
    ),
  '1,900 kinds of answers': (index) => get('/admin', `Accept: ${'a/b,'.repeat(1900)}`, by(index)),
  'a header of 15 kB': (index) => get('/admin', `Accept: ${'a/b,'.repeat(3900)}`, by(index)),
  'guessed files, many addresses': (index) =>
    get(`/media/${randomBytes(16).toString('hex')}`, by(index)),
  'guessed passwords, many addresses': (index) =>
    get('/admin', `Authorization: Basic ${randomBytes(12).toString('base64')}`, by(index)),
  nothing: () => Buffer.alloc(0),
} satisfies Record<string, Attack> as Record<string, Attack>;
