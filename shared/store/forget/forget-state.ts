import { randomBytes } from 'node:crypto';
import { keys } from '../redis/keys.ts';
import type { Redis } from '../redis/redis.ts';

/** What became of a step: `failed` says why it is not done, in words; otherwise `done` says what is. */
export type StepOutcome = { done: string } | { failed: string };

/**
 * A conversation that is being forgotten, or was: the message that asked for it, and up to when
 * everything is forgotten (ms since 1970); `steps` are those that are over, by their names.
 */
export type ForgetState = { by: string; until: number; steps: ReadonlyMap<string, StepOutcome> };

/** How far forgetting has come: kept, so that it goes on where a kill has ended it. */
export type ForgetStates = {
  /** Notes that the person is asked, and returns what the yes must name: for an hour. */
  ask(conversation: string): Promise<string>;
  /**
   * Begins, or goes on with what this message has begun; undefined when the person was not asked,
   * or too long ago, or has answered before.
   */
  begin(
    conversation: string,
    token: string,
    by: { id: string; at: string },
  ): Promise<ForgetState | undefined>;
  /** Notes what became of a step. */
  note(conversation: string, step: string, outcome: StepOutcome): Promise<void>;
};

/** How long a question may be answered, and how long it is known how far it has come (seconds). */
const askedSeconds = 3600;
const stateSeconds = 8 * 24 * 3600;

export function createForgetStates(redis: Redis): ForgetStates {
  const read = async (conversation: string): Promise<ForgetState | undefined> => {
    const fields = await redis.hgetall(keys.forget(conversation));
    const { by, until } = fields;
    if (by === undefined || until === undefined) return undefined;
    const steps = Object.entries(fields).flatMap(([field, words]): [string, StepOutcome][] => {
      const [, kind, step = ''] = /^(done|failed):(.+)$/.exec(field) ?? [];
      if (kind === undefined) return [];
      return [[step, kind === 'done' ? { done: words } : { failed: words }]];
    });
    return { by, until: Number(until), steps: new Map(steps) };
  };
  return {
    async ask(conversation) {
      const token = randomBytes(6).toString('hex');
      await redis.set(keys.forgetAsked(conversation), token, 'EX', askedSeconds);
      return token;
    },
    async begin(conversation, token, by) {
      const known = await read(conversation);
      if (known?.by === by.id) return known;
      if ((await redis.get(keys.forgetAsked(conversation))) !== token) return undefined;
      const until = Date.parse(by.at);
      await redis
        .multi()
        .del(keys.forget(conversation), keys.forgetAsked(conversation))
        .hset(keys.forget(conversation), { by: by.id, until })
        .expire(keys.forget(conversation), stateSeconds)
        .exec();
      return { by: by.id, until, steps: new Map() };
    },
    async note(conversation, step, outcome) {
      const [[kind, words] = ['done', '']] = Object.entries(outcome);
      await redis.hset(keys.forget(conversation), `${kind}:${step}`, words);
    },
  };
}
