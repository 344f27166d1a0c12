/** What is kept of a step's output (bytes of UTF-8). */
const mostBytes = 16 * 1024;

/** How much of that is its beginning: an error stands at the end. */
const headBytes = 4 * 1024;

/**
 * An output of at most 16 kB of UTF-8: the beginning and the end of a longer one, with a line
 * between them. Secrets must be blanked before: what is cut within one is not recognised.
 */
export function shortOutput(output: string): string {
  const bytes = Buffer.from(output.toWellFormed());
  if (bytes.length <= mostBytes) return bytes.toString();
  const room = mostBytes - Buffer.byteLength(leftOut(bytes.length));
  const first = bytes.subarray(0, headBytes);
  const last = bytes.subarray(bytes.length - (room - headBytes));
  const left = bytes.length - first.length - last.length;
  return `${withoutHalves(first)}${leftOut(left)}${withoutHalves(last)}`;
}

function leftOut(bytes: number): string {
  return `\n… ${bytes} bytes left out …\n`;
}

/** Without the halves of characters that a cut has left at either end. */
function withoutHalves(bytes: Buffer): string {
  return bytes.toString().replaceAll(/^\uFFFD{1,3}|\uFFFD{1,3}$/g, '');
}
