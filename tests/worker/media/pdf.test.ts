import { deflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { inspectPdf } from '../../../worker/media/pdf.ts';

const end = 'startxref\n9\n%%EOF\n';
const page = (id: number): string => `${id} 0 obj\n<< /Type /Page /Parent 2 0 R >>\nendobj\n`;
const pages = (count: number): string =>
  Array.from({ length: count }, (_, index) => page(index + 3)).join('');
const open = (count: number, trailer = ''): Buffer =>
  Buffer.from(
    `%PDF-1.4\n2 0 obj\n<< /Type /Pages /Count ${count} >>\nendobj\n${pages(count)}trailer\n<< /Root 1 0 R ${trailer}>>\n${end}`,
  );

/** A PDF whose pages are packed in an object stream, as most programs write them. */
function packed(count: number): Buffer {
  const stream = deflateSync(
    Buffer.from(Array.from({ length: count }, () => '<</Type/Page/Parent 2 0 R>>').join('\n')),
  );
  return Buffer.concat([
    Buffer.from(
      `%PDF-1.7\n5 0 obj\n<</Type/ObjStm/N ${count}/First 20/Filter/FlateDecode/Length ${stream.byteLength}>>\nstream\r\n`,
    ),
    stream,
    Buffer.from(`\nendstream\nendobj\n${end}`),
  ]);
}

test('pages are counted in the open and packed', () => {
  expect(inspectPdf(open(3))).toEqual({ whole: true, locked: false, pages: 3 });
  expect(inspectPdf(packed(120))).toEqual({ whole: true, locked: false, pages: 120 });
});

test('what is cut off, locked or not to be counted is told', () => {
  expect(inspectPdf(open(2).subarray(0, 100))).toMatchObject({ whole: false });
  expect(inspectPdf(open(2, '/Encrypt 9 0 R '))).toMatchObject({ whole: true, locked: true });
  expect(inspectPdf(Buffer.from(`%PDF-1.4\n${end}`))).toEqual({
    whole: true,
    locked: false,
    pages: undefined,
  });
  const broken = packed(4);
  expect(
    inspectPdf(Buffer.concat([broken.subarray(0, 90), Buffer.alloc(20, 1), Buffer.from(end)])),
  ).toMatchObject({ pages: undefined });
});

test('a stream that unpacks to very much is left out', () => {
  const bomb = deflateSync(Buffer.alloc(80 * 1024 * 1024));
  const bytes = Buffer.concat([
    Buffer.from('%PDF-1.7\n<</Type/ObjStm>>\nstream\n'),
    bomb,
    Buffer.from(`\nendstream\n${page(1)}${end}`),
  ]);
  expect(inspectPdf(bytes).pages).toBe(1);
});
