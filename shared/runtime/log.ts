import { pino } from 'pino';
import type { DestinationStream, Logger, LoggerOptions } from 'pino';
import { maskAddress } from './person-address.ts';
import { reportError } from './errors.ts';

export type Log = Logger;

/**
 * A phone number inside a longer text: an id, an address, a path, or a refusal's message from
 * Twilio.
 */
const numberInside = /\+\d{7,15}|(?<=%2B|schedule-|workspaces\/)\d{7,15}/gi;

/**
 * A WhatsApp user id inside a longer text. A real one has some twenty characters; shorter words
 * with a digit and such a prefix are masked, too.
 */
const userIdInside = /(?<![A-Za-z0-9])[A-Z]{2}\.(?:ENT\.)?(?=[A-Za-z]{0,128}\d)[A-Za-z0-9]{6,128}/g;

export function maskNumbers(text: string): string {
  return text.replaceAll(numberInside, maskAddress).replaceAll(userIdInside, maskAddress);
}

/** Fields that would hold message text or secrets. No code logs them; this is a safety net. */
const hushed = [
  'text',
  'body',
  'Body',
  'prompt',
  'authorization',
  'password',
  'authToken',
  'apiKey',
  'headers',
].flatMap((name) => [name, `*.${name}`]);

/**
 * Creates the process's logger: one JSON line per entry, on standard output unless `destination` is
 * given. Masks phone numbers and user ids anywhere in the line, in this one place; reduces errors
 * to name, message and code; omits texts and secrets. `blank` removes from each line what only the
 * process knows to be secret.
 */
export function createLog(
  name: string,
  level: string,
  destination?: DestinationStream,
  blank: (line: string) => string = (line) => line,
): Log {
  const options: LoggerOptions = {
    name,
    // An invalid level is reported with the rest of the environment; until then the default
    // applies.
    level: level === 'silent' || level in pino.levels.values ? level : 'info',
    base: { name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: reportError, error: reportError },
    redact: { paths: hushed, censor: '…' },
    hooks: { streamWrite: (line) => maskNumbers(blank(line)) },
  };
  return pino(options, destination ?? (standardOutput ??= gatherLines(pino.destination(1))));
}

let standardOutput: DestinationStream | undefined;

/**
 * Batches the lines of one turn of the event loop into one write: a system call per line would be a
 * tenth of a webhook's cost. The last batch is written when the process exits.
 */
function gatherLines(out: DestinationStream): DestinationStream {
  let lines = '';
  const writeAll = (): void => {
    const text = lines;
    lines = '';
    if (text !== '') out.write(text);
  };
  process.on('exit', writeAll);
  return {
    write(line) {
      if (lines === '') setImmediate(writeAll);
      lines += line;
    },
  };
}
