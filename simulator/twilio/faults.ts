import { createSeededRandom } from './seeded-random.ts';

/** Every switch, and what it makes the twin do. */
const faultTexts = {
  'create-429': 'POST Messages answers 429 with code 20429; the message is not processed.',
  'create-500-before': 'POST Messages answers 500 with code 20500; the message is not processed.',
  'create-500-after': 'POST Messages answers 500 with code 20500 although the message goes out.',
  'create-hang-before': 'POST Messages never answers; the message is not processed.',
  'create-hang-after': 'POST Messages never answers although the message goes out.',
  'create-reset-before': 'POST Messages resets the connection; the message is not processed.',
  'create-reset-after': 'POST Messages resets the connection although the message goes out.',
  'create-garbled-after': 'POST Messages answers 201 with a page of HTML; the message goes out.',
  'late-failure':
    'The message is accepted and ends failed or undelivered with `code` (default 30008) by callback.',
  'webhook-duplicate':
    'An inbound webhook is sent `copies` times (default 2), each with its own idempotency token.',
  'callbacks-shuffled': 'The callbacks of a message come in reverse order, the latest state first.',
  'callback-before-answer':
    'The `sent` callback of a message is delivered before its POST is answered.',
  'callbacks-dropped': 'A status callback is not sent.',
  'typing-fails': 'The typing indicator answers 500 with code 20500.',
  'list-fails': 'Listing messages answers 500 with code 20500.',
  'list-lags': 'Listing messages leaves out those younger than `ms` (default 2000).',
  'delete-fails': 'Deleting a message answers 500 with code 20500; the message stays.',
  'content-refused':
    'The Content API answers 403 with code 20403, as for an account that may not use it.',
  'content-fails': 'The Content API answers 500 with code 20500; nothing is made.',
  'content-hangs': 'The Content API never answers; nothing is made.',
  'content-unusable': 'POST Messages with a ContentSid answers 400 with code 21656.',
  'media-missing': 'Downloading the media of an inbound message answers 404.',
} as const satisfies Record<string, string>;

/** A switch of the table above. */
export type FaultName = keyof typeof faultTexts;

/** How often a fault happens, and its amount. All fields are optional. */
export type FaultSetting = {
  /** How many times it happens before it turns itself off; without it, until cleared. */
  times?: number;
  /** From 0 to 1: the share of chances it takes. Needs `seed`. */
  probability?: number;
  /** Seeds the generator behind `probability`, so that a run repeats. */
  seed?: number;
  /** Only chances whose parameters (Twilio's names) satisfy this. */
  when?: (params: Record<string, string>) => boolean;
  /** `late-failure`: Twilio's error code. */
  code?: number;
  /** `list-lags`: milliseconds. */
  ms?: number;
  /** `webhook-duplicate`: how many deliveries in all. */
  copies?: number;
};

/** A fault that applies now. */
export type Fault = { name: FaultName; code: number; ms: number; copies: number };

type Armed = { setting: FaultSetting; left: number; random: () => number };

/**
 * The twin's fault switches. All are off at first; tests and chaos runs set them while the twin
 * runs.
 */
export class Faults {
  readonly #armed = new Map<FaultName, Armed>();

  /**
   * Turns a fault on, replacing an earlier setting of the same name.
   * @throws RangeError when the name is unknown, a number is out of range, or a probability comes
   * without a seed.
   */
  set(name: FaultName, setting: FaultSetting = {}): void {
    if (!Object.hasOwn(faultTexts, name)) throw new RangeError(`There is no fault "${name}".`);
    checkSetting(name, setting);
    const random = setting.seed === undefined ? () => 0 : createSeededRandom(setting.seed);
    this.#armed.set(name, { setting, left: setting.times ?? Infinity, random });
  }

  /** Turns one fault off, or all. */
  clear(name?: FaultName): void {
    if (name === undefined) this.#armed.clear();
    else this.#armed.delete(name);
  }

  /**
   * Asks whether a fault happens at this chance, and counts it when it does.
   * @param params the parameters of the request or callback at hand, for `when`.
   */
  take(name: FaultName, params: Record<string, string> = {}): Fault | undefined {
    const armed = this.#armed.get(name);
    if (armed === undefined || armed.left < 1) return undefined;
    const { setting } = armed;
    if (setting.when !== undefined && !setting.when(params)) return undefined;
    if (armed.random() >= (setting.probability ?? 1)) return undefined;
    armed.left -= 1;
    return {
      name,
      code: setting.code ?? 30_008,
      ms: setting.ms ?? 2000,
      copies: setting.copies ?? 2,
    };
  }

  /** The first of several faults that happens at this chance. */
  takeFirst(names: readonly FaultName[], params: Record<string, string>): Fault | undefined {
    for (const name of names) {
      const fault = this.take(name, params);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }
}

function checkSetting(name: FaultName, setting: FaultSetting): void {
  const { times, probability, seed, code, ms, copies } = setting;
  const wrong = (what: string) => new RangeError(`Fault "${name}": ${what}.`);
  if (times !== undefined && !(Number.isInteger(times) && times >= 0))
    throw wrong('times must be a whole number from 0');
  if (probability !== undefined && !(probability >= 0 && probability <= 1))
    throw wrong('probability must be from 0 to 1');
  if (probability !== undefined && seed === undefined)
    throw wrong('a probability needs a seed, so that the run repeats');
  if (seed !== undefined && !Number.isInteger(seed)) throw wrong('seed must be a whole number');
  if (code !== undefined && !(Number.isInteger(code) && code > 0))
    throw wrong('code must be a Twilio error code');
  if (ms !== undefined && !(ms >= 0)) throw wrong('ms must be from 0');
  if (copies !== undefined && !(Number.isInteger(copies) && copies >= 1))
    throw wrong('copies must be a whole number from 1');
}
