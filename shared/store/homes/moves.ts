import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { Placement } from '../boxes/intake.ts';
import { keys, prefix } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';
import { runScript } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/**
 * The steps of a move. `asked`: no turn of the person begins any more. `held`: none runs. `saved`:
 * a snapshot has everything. `moved`: home and epoch are the new ones. `done`: the new home has
 * restored it. `failed`: given up, with the old home; only before `moved`.
 */
export type MoveStep = 'asked' | 'held' | 'saved' | 'moved' | 'done' | 'failed';

/** A move of a person from one home to another, by the homes' names. */
export type Move = {
  person: string;
  step: MoveStep;
  from: string;
  to: string;
  token: string;
  /** Who has asked: `operator`, `owner`, `drain`, or `dead` when the old home does not come up. */
  by: string;
  /** The moment of the snapshot (ms since 1970), once it is known. */
  snapshot: number | undefined;
  /** How often the person has moved, with this move. */
  epoch: number;
  /** The person's secrets by name, sealed to the new home's key (base64url). */
  secrets: Record<string, string>;
  reason: string | undefined;
};

/** Why a move is refused, and the homes that it is about. */
export type MoveRefusal =
  | 'unwritten'
  | 'there'
  | 'unknown'
  | 'busy'
  | 'dead'
  | 'dead target'
  | 'draining'
  | 'full'
  | 'no store'
  | 'other store'
  | 'no home';

export type AskedMove =
  | { outcome: 'asked'; from: string; to: string; token: string }
  | { outcome: MoveRefusal; from: string; to: string };

export type Rescue = {
  outcome: 'moved' | 'unwritten' | 'alive' | 'no snapshot' | 'no store' | 'no home' | 'busy';
  from: string;
  to: string;
};

/** What a step notes. */
export type StepFields = Partial<Record<'snapshot' | 'secrets' | 'reason', string>>;

/** The moves of people between homes. Everything about a move is in Redis, and each step is safe to repeat. */
export type Moves = {
  /** A move that is under way, or was within the last day; undefined without one. */
  read(person: string): Promise<Move | undefined>;
  /** Asks for a move, to `to` or to a home that `placement` allows; a repeated call names the same one. */
  ask(
    person: string,
    wanted: { to?: string | undefined; placement: Placement; by: string },
  ): Promise<AskedMove>;
  /**
   * Takes the next step, or gives up (`failed`). Returns the step that the move is at then; `busy`
   * while a worker still has a job of the person, and `gone` when another move has taken its place.
   */
  advance(
    move: Pick<Move, 'person' | 'token'>,
    step: Exclude<MoveStep, 'asked'>,
    fields?: StepFields,
  ): Promise<MoveStep | 'busy' | 'gone'>;
  /** Gives a person of a dead home another one, if there is a complete snapshot of theirs. */
  rescue(
    person: string,
    wanted: { to?: string | undefined; placement: Placement },
  ): Promise<Rescue>;
  /**
   * The ids of the people whose conversations have this home (its name), in one command for 500
   * addresses.
   */
  peopleOf(home: string): Promise<string[]>;
};

/** How long it is known how a move has ended (seconds): a day. */
const keptSeconds = 24 * 3600;

const askScript = loadScript(new URL('lua/ask-move.lua', import.meta.url), {
  keys: ['move', 'record', 'homes'],
  args: ['prefix', 'person', 'wanted', 'placement', 'by', 'token', 'now'],
});

const stepScript = loadScript(new URL('lua/move-step.lua', import.meta.url), {
  keys: ['move', 'record'],
  args: ['prefix', 'person', 'token', 'step', 'fields', 'keptSeconds', 'channel'],
});

const rescueScript = loadScript(new URL('lua/rescue-person.lua', import.meta.url), {
  keys: ['move', 'record', 'snapshot'],
  args: ['prefix', 'person', 'wanted', 'placement', 'token', 'now', 'channel'],
});

const peopleScript = loadScript(new URL('lua/people-of-home.lua', import.meta.url), {
  keys: ['people'],
  args: ['prefix', 'name', 'cursor', 'batch'],
});

const Part = z.tuple([z.string(), z.array(z.string())]);

const steps = ['asked', 'held', 'saved', 'moved', 'done', 'failed'] as const;
const refusals = [
  'unwritten',
  'there',
  'unknown',
  'busy',
  'dead',
  'dead target',
  'draining',
  'full',
  'no store',
  'other store',
  'no home',
] as const;

const Asked = z.tuple([z.enum(['asked', ...refusals]), z.string(), z.string(), z.string()]);
const Rescued = z.tuple([
  z.enum(['moved', 'unwritten', 'alive', 'no snapshot', 'no store', 'no home', 'busy']),
  z.string(),
  z.string(),
  z.string(),
]);

const Boxes = z.record(z.string(), z.string());
const Stored = z.object({
  step: z.enum(steps),
  from: z.string(),
  to: z.string(),
  token: z.string(),
  by: z.string().default(''),
  snapshot: z.coerce.number().optional(),
  epoch: z.coerce.number().default(0),
  secrets: z
    .string()
    .default('{}')
    .transform((text) => Boxes.parse(JSON.parse(text))),
  reason: z.string().optional(),
});

/** How many addresses are looked at in one command: it blocks Redis meanwhile. */
const batch = 500;

export function createMoves(redis: Redis, now: () => Date = () => new Date()): Moves {
  const where = (person: string) => ({ move: keys.move(person), record: keys.person(person) });
  const newToken = (): string => randomBytes(8).toString('hex');
  return {
    async read(person) {
      const { data } = Stored.safeParse(await redis.hgetall(keys.move(person)));
      return data && { ...data, person, snapshot: data.snapshot, reason: data.reason };
    },
    async ask(person, { to = '', placement, by }) {
      const reply = await runScript(redis, askScript, {
        keys: { ...where(person), homes: keys.homes },
        args: {
          prefix,
          person,
          wanted: to,
          placement,
          by,
          token: newToken(),
          now: now().toISOString(),
        },
      });
      const [outcome, from, target, token] = Asked.parse(reply);
      return outcome === 'asked'
        ? { outcome, from, to: target, token }
        : { outcome, from, to: target };
    },
    async advance({ person, token }, step, fields = {}) {
      const reply = await runScript(redis, stepScript, {
        keys: where(person),
        args: {
          prefix,
          person,
          token,
          step,
          fields: JSON.stringify(fields),
          keptSeconds,
          channel: keys.control,
        },
      });
      return z.enum([...steps, 'busy', 'gone']).parse(reply);
    },
    async rescue(person, { to = '', placement }) {
      const reply = await runScript(redis, rescueScript, {
        keys: { ...where(person), snapshot: keys.homeSnapshot(person) },
        args: {
          prefix,
          person,
          wanted: to,
          placement,
          token: newToken(),
          now: now().toISOString(),
          channel: keys.control,
        },
      });
      const [outcome, from, target] = Rescued.parse(reply);
      return { outcome, from, to: target };
    },
    async peopleOf(home) {
      const found = new Set<string>();
      let cursor = '0';
      do {
        const [next, some] = Part.parse(
          await runScript(redis, peopleScript, {
            keys: { people: keys.people },
            args: { prefix, name: home, cursor, batch },
          }),
        );
        cursor = next;
        for (const id of some) found.add(id);
      } while (cursor !== '0');
      return [...found];
    },
  };
}
