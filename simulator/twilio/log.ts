/** The twin's log; a pino logger fits. */
export type TwinLog = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

/** A log that discards everything. */
export const silentLog: TwinLog = { info: () => undefined, warn: () => undefined };
