import { head } from './cut.ts';
/**
 * The part of an error that may be logged or stored in a job: never the object itself, which can
 * carry credentials or a message.
 */
export type ErrorReport = { name: string; message: string; code?: string };

/**
 * Removes quoted input from a message: Redis quotes the arguments of an unknown command, a parser
 * its input.
 */
function withoutQuotation(message: string): string {
  const plain = message.replace(/, with args beginning with: [^]*/, '');
  const end = plain.lastIndexOf(' is not valid JSON');
  const start = plain.indexOf('"');
  return start < 0 || end < start
    ? plain
    : `${plain.slice(0, start).replace(/(?:, )?(?:\.\.\.)?$/, '')}${plain.slice(end)}`;
}

/**
 * Reduces any thrown value to its name, message and code. HTTP clients attach the request with its
 * Authorization header to their errors, and Redis clients the whole command with the message text;
 * this function drops both, and any input quoted in the message.
 */
export function reportError(error: unknown): ErrorReport {
  if (!(error instanceof Error)) return { name: 'Error', message: head(String(error), 300) };
  const code =
    'code' in error && (typeof error.code === 'string' || typeof error.code === 'number')
      ? String(error.code)
      : undefined;
  // A library may throw an Error without a message, contrary to its type.
  const message: unknown = error.message;
  const plain = typeof message === 'string' ? head(withoutQuotation(message), 300) : error.name;
  return { name: error.name, message: plain, ...(code ? { code } : {}) };
}

/**
 * A problem that the operator can fix; its message is self-contained, so it is printed without a
 * stack.
 */
export class SetupError extends Error {
  override name = 'SetupError';
}
