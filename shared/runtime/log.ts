import { pino } from 'pino';
import type { DestinationStream, Logger, LoggerOptions } from 'pino';
import { maskAddress } from './person-address.ts';
import { reportError } from './errors.ts';

export type Log = Logger;

/**
 * A phone number inside a longer text: an id, an address, a path, or what Twilio says of a refusal.
 */
const numberInside = /\+\d{7,15}|(?<=%2B|schedule-|workspaces\/)\d{7,15}/gi;

/**
 * A user id of WhatsApp inside a longer text. A real one has some twenty characters; shorter words
 * with a digit and such a beginning are masked, too.
 */
const userIdInside = /(?<![A-Za-z0-9])[A-Z]{2}\.(?:ENT\.)?(?=[A-Za-z]{0,128}\d)[A-Za-z0-9]{6,128}/g;

export function maskNumbers(text: string): string {
  return text.replaceAll(numberInside, maskAddress).replaceAll(userIdInside, maskAddress);
}

/**
 * Fields that would hold what somebody said, or a secret. Nothing logs them; this is for the day
 * when something does.
 */
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
 * Makes the process's logger: one JSON line a step, on standard output unless another `destination`
 * is given. Phone numbers and user ids are masked here, in one place, wherever in the line they
 * are; errors are reduced to name, message and code; texts and secrets are left out.
 */
export function createLog(name: string, level: string, destination?: DestinationStream): Log {
  const options: LoggerOptions = {
    name,
    // A level that does not exist is reported with the rest of the environment; until then the
    // usual one serves.
    level: level === 'silent' || level in pino.levels.values ? level : 'info',
    base: { name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { err: reportError, error: reportError },
    redact: { paths: hushed, censor: '…' },
    hooks: { streamWrite: maskNumbers },
  };
  return pino(options, destination ?? (standardOutput ??= gatherLines(pino.destination(1))));
}

let standardOutput: DestinationStream | undefined;

/**
 * The lines of one turn of the event loop go out in one write, after what they tell of: a system
 * call for each would be a tenth of what a webhook costs. The last ones go out when the process
 * exits.
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
