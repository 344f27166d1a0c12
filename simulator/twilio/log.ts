/** Where the twin writes what it does; a pino logger fits. */
export type TwinLog = {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
};

/** A log that keeps nothing. */
export const silentLog: TwinLog = { info: () => undefined, warn: () => undefined };
