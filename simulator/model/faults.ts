import type { ApiError } from './api-error.ts';
import type { MessagesRequest } from './messages-request.ts';

/**
 * The faults, set by a test at any time. The numbers count down with each request that they hit;
 * `Infinity` means until further notice. Several may be set: they apply in the order of this list.
 */
export type Faults = {
  /** Connections are dropped without an answer, as when the API cannot be reached. */
  down: boolean;
  /** Requests that are read and never answered. */
  hang: number;
  /** 529 overloaded_error. */
  overloaded: number;
  /** 500 api_error. */
  internalError: number;
  /** 401 authentication_error. */
  unauthorized: number;
  /** 400 with the text of an empty account. */
  creditTooLow: number;
  /** 404 not_found_error, as for a model that does not exist. */
  noModel: number;
  /** 400 with the text of a conversation that is longer than the model reads. */
  promptTooLong: number;
  /** 413 request_too_large. */
  requestTooLarge: number;
  /** 429 rate_limit_error; `rateLimitResetsAt` says until when. */
  rateLimited: number;
  /**
   * Milliseconds since the epoch; undefined leaves the reset headers out, which Claude Code answers
   * with retries.
   */
  rateLimitResetsAt: number | undefined;
  /** Looks at each request and says how it is refused, if it is; undefined refuses none. */
  refuse: ((request: MessagesRequest) => ApiError | undefined) | undefined;
  /** The list of models is refused with 404, as by a gateway that has none. */
  noModelList: boolean;
  /** Streams that are cut in the middle. */
  cut: number;
  /** Milliseconds before each piece of a streamed answer. */
  deltaMs: number;
};

const creditTooLow =
  'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.';
const rateLimited = "This request would exceed your account's rate limit. Please try again later.";

/** The fault of one request. */
export type Fault =
  { kind: 'drop' } | { kind: 'hang' } | { kind: 'cut' } | { kind: 'refuse'; error: ApiError };

type Counted =
  | 'hang'
  | 'overloaded'
  | 'internalError'
  | 'unauthorized'
  | 'creditTooLow'
  | 'noModel'
  | 'promptTooLong'
  | 'requestTooLarge'
  | 'rateLimited'
  | 'cut';

/** A model without faults. */
export function createFaults(): Faults {
  return {
    down: false,
    hang: 0,
    overloaded: 0,
    internalError: 0,
    unauthorized: 0,
    creditTooLow: 0,
    noModel: 0,
    promptTooLong: 0,
    requestTooLarge: 0,
    rateLimited: 0,
    rateLimitResetsAt: undefined,
    refuse: undefined,
    noModelList: false,
    cut: 0,
    deltaMs: 0,
  };
}

/**
 * Takes the fault that hits the next request and counts it down; undefined when the request is
 * answered.
 */
export function takeFault(faults: Faults, request: MessagesRequest): Fault | undefined {
  const hit = (name: Counted): boolean => {
    if (faults[name] <= 0) return false;
    faults[name] -= 1;
    return true;
  };
  if (faults.down) return { kind: 'drop' };
  if (hit('hang')) return { kind: 'hang' };
  if (hit('overloaded')) return refuse(529, 'overloaded_error', 'Overloaded');
  if (hit('internalError')) return refuse(500, 'api_error', 'Internal server error');
  if (hit('unauthorized')) return refuse(401, 'authentication_error', 'invalid x-api-key');
  if (hit('creditTooLow')) return refuse(400, 'invalid_request_error', creditTooLow);
  if (hit('noModel')) return refuse(404, 'not_found_error', 'model: claude-unknown');
  if (hit('promptTooLong'))
    return refuse(
      400,
      'invalid_request_error',
      'prompt is too long: 250000 tokens > 200000 maximum',
    );
  if (hit('requestTooLarge'))
    return refuse(413, 'request_too_large', 'Request exceeds the maximum size');
  if (hit('rateLimited'))
    return refuse(429, 'rate_limit_error', rateLimited, resetHeaders(faults.rateLimitResetsAt));
  const error = faults.refuse?.(request);
  if (error) return { kind: 'refuse', error };
  return hit('cut') ? { kind: 'cut' } : undefined;
}

function refuse(
  status: number,
  type: ApiError['type'],
  message: string,
  headers: Record<string, string> = {},
): Fault {
  return { kind: 'refuse', error: { status, type, message, headers } };
}

/** The headers with which the API names the end of a usage limit, in whole seconds. */
function resetHeaders(resetsAt: number | undefined): Record<string, string> {
  if (resetsAt === undefined) return {};
  return {
    'retry-after': String(Math.max(0, Math.ceil((resetsAt - Date.now()) / 1000))),
    'anthropic-ratelimit-unified-status': 'rejected',
    'anthropic-ratelimit-unified-reset': String(Math.ceil(resetsAt / 1000)),
    'anthropic-ratelimit-unified-representative-claim': 'five_hour',
  };
}
