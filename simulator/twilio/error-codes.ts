import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { TwinLog } from './log.ts';

/**
 * Twilio's refusals that this twin gives: HTTP status and Twilio's own sentence for each code
 * (https://www.twilio.com/docs/api/errors). Codes of failures that come later by callback are in
 * failures.ts.
 */
const refusalTexts = {
  20001: [400, 'Invalid parameter'],
  20003: [401, 'Authenticate'],
  20004: [405, 'Method not allowed'],
  20403: [403, 'Forbidden'],
  20404: [404, 'The requested resource was not found'],
  20429: [429, 'Too Many Requests'],
  20500: [500, 'An internal server error has occurred'],
  21211: [400, "Invalid 'To' Phone Number"],
  21602: [400, 'Message body is required.'],
  21603: [400, "A 'From' phone number is required."],
  21604: [400, "A 'To' phone number is required."],
  21609: [400, "The 'StatusCallback' URL is not a valid URL"],
  21617: [400, 'The concatenated message body exceeds the 1600 character limit'],
  21619: [400, 'A text message body or media urls must be specified.'],
  21620: [400, 'Invalid media URL(s)'],
  21623: [400, 'Number of media files exceeds the limit of 10'],
  21655: [400, 'The ContentSid is Invalid'],
  21656: [400, 'The Content Variables parameter is invalid.'],
  21701: [400, 'The Messaging Service does not exist'],
  21910: [400, 'Invalid From and To pair. From and To should be of the same channel'],
  63007: [400, 'Twilio could not find a Channel with the specified From address'],
} as const satisfies Record<number, readonly [number, string]>;

/** A code of the table above. */
export type RefusalCode = keyof typeof refusalTexts;

/** An answer in Twilio's error form. Routes throw it; `answerRefusals` writes it. */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly status: number;

  /**
   * @param detail what exactly was wrong, put after Twilio's sentence. @param status replaces the
   * table's HTTP status.
   */
  constructor(code: RefusalCode, detail?: string, status?: number) {
    super(detail === undefined ? refusalTexts[code][1] : `${refusalTexts[code][1]}: ${detail}`);
    this.name = 'Refusal';
    this.code = code;
    this.status = status ?? refusalTexts[code][0];
  }

  /** @returns the JSON body that Twilio sends with a refusal. */
  toJSON(): { code: number; message: string; more_info: string; status: number } {
    return {
      code: this.code,
      message: this.message,
      more_info: `https://www.twilio.com/docs/errors/${this.code}`,
      status: this.status,
    };
  }
}

/** Refuses a method that a known address does not have (405). */
export const refuseMethod: RequestHandler = (req) => {
  throw new Refusal(20004, `${req.method} ${req.path}`);
};

/** Refuses an address that does not exist (404). */
export const refuseUnknown: RequestHandler = (req) => {
  throw new Refusal(20404, req.path);
};

/**
 * The last handler: writes every refusal as Twilio's JSON. A body that cannot be parsed or is too
 * large becomes a refusal too; anything unforeseen is logged and answered with 20500, so a bad
 * request never ends the server.
 */
export function answerRefusals(log: TwinLog): ErrorRequestHandler {
  return (error: unknown, req, res, next) => {
    if (res.headersSent) {
      next(error);
      return;
    }
    const refusal = asRefusal(error);
    if (refusal.code === 20500 && refusal !== error)
      log.warn({ err: error, path: req.path }, 'twilio twin failed');
    if (refusal.status === 401) res.set('WWW-Authenticate', 'Basic realm="Twilio API"');
    res.status(refusal.status).json(refusal);
  };
}

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  // Express and its body parsers throw errors that carry the HTTP status they stand for.
  if (
    error instanceof Error &&
    'status' in error &&
    typeof error.status === 'number' &&
    error.status < 500
  ) {
    return new Refusal(20001, error.message, error.status);
  }
  return new Refusal(20500);
}
