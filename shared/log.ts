import { pino } from 'pino';
import type { DestinationStream, Logger, LoggerOptions } from 'pino';
import { maskNumber } from './phone-number.ts';
import { reportError } from './errors.ts';

export type Log = Logger;

/**
 * Makes the process's logger: one JSON line a step, on standard output unless another `destination` is given. Fields named `conversation`, `from` and `to` are
 * phone numbers and are masked here, in one place; errors are reduced to name, message and code.
 */
export function createLog(name: string, level: string, destination?: DestinationStream): Log {
  const mask = (value: unknown): unknown => (typeof value === 'string' ? maskNumber(value) : value);
  const options: LoggerOptions = {
    name,
    // A level that does not exist is reported with the rest of the environment; until then the usual one serves.
    level: level === 'silent' || level in pino.levels.values ? level : 'info',
    base: { name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { conversation: mask, from: mask, to: mask, err: reportError, error: reportError },
  };
  return destination ? pino(options, destination) : pino(options);
}
