import { pino } from 'pino';
import type { DestinationStream, Logger, LoggerOptions } from 'pino';
import { maskNumber } from './phone-number.ts';
import { reportError } from './errors.ts';
import type { ErrorReport } from './errors.ts';

export type Log = Logger;

/** A phone number inside a longer text: an id, or what Twilio says of a refusal. */
const numberInside = /\+\d{7,15}|(?<=schedule-)\d{7,15}/g;

export function maskNumbers(text: string): string {
  return text.replaceAll(numberInside, (number) => maskNumber(number));
}

function maskFields(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? maskNumbers(value) : value]));
}

/**
 * Makes the process's logger: one JSON line a step, on standard output unless another `destination` is given. Phone numbers are masked here, in one place,
 * whatever field they are in; errors are reduced to name, message and code.
 */
export function createLog(name: string, level: string, destination?: DestinationStream): Log {
  const report = (error: unknown): ErrorReport => {
    const plain = reportError(error);
    return { ...plain, message: maskNumbers(plain.message) };
  };
  const options: LoggerOptions = {
    name,
    // A level that does not exist is reported with the rest of the environment; until then the usual one serves.
    level: level === 'silent' || level in pino.levels.values ? level : 'info',
    base: { name },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }), log: maskFields, bindings: maskFields },
    serializers: { err: report, error: report },
  };
  return destination ? pino(options, destination) : pino(options);
}
