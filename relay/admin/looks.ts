import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import { readHomeStates } from '../../shared/store/homes/states.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { readGivenUp } from '../../shared/store/boxes/given-up.ts';
import type { GivenUp } from '../../shared/store/boxes/given-up.ts';
import { readOwnerWords } from '../../shared/store/owner.ts';
import type { OwnerWord } from '../../shared/store/owner.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { Reply } from '../../shared/store/reply.ts';
import { readFailures } from '../../shared/store/reply-counts.ts';
import type { Turn, TurnList } from '../../shared/store/turns/turn-list.ts';

/** Messages that a turn has given up, and the turn's current state if it is still known. */
export type DeadTurn = GivenUp & { conversation: string; record: Turn | undefined };

/** What needs a person: notices, given-up messages, and replies that were not delivered. */
export type Looks = { words: OwnerWord[]; dead: DeadTurn[]; replies: Reply[] };

/** How many of each kind are read. */
const mostShown = 30;

/** A wake that takes longer is said here (ms); the usual one takes seconds. */
const longWakeMs = 2 * 60_000;

/** Reads what needs a look, the latest first. */
export async function readLooks(redis: Redis, list: TurnList, now: number): Promise<Looks> {
  const [words, wake, conversations, failures] = await Promise.all([
    readOwnerWords(redis),
    readWake(redis, now),
    redis.srandmember(keys.givenUp, mostShown),
    readFailures(redis, mostShown),
  ]);
  const [givenUp, hashes] = await Promise.all([
    Promise.all(
      conversations.map(async (conversation) =>
        (await readGivenUp(redis, conversation, '')).map((one) => ({ ...one, conversation })),
      ),
    ),
    Promise.all(failures.map((id) => redis.hgetall(keys.reply(id)))),
  ]);
  const latest = givenUp
    .flat()
    .toSorted((a, b) => b.at - a.at)
    .slice(0, mostShown);
  const dead = await Promise.all(
    latest.map(async (one) => ({ ...one, record: await list.read(one.turn) })),
  );
  return {
    words: [...wake.words, ...words.filter(wake.stands)],
    dead,
    replies: hashes.flatMap((hash) => Reply.safeParse(hash).data ?? []),
  };
}

/**
 * What the computers' state says about notices: one of its own when a computer was started and no
 * worker comes up, and whether a notice still stands. That a worker could not start is over as soon
 * as each computer has a worker, or has fallen asleep since.
 */
async function readWake(
  redis: Redis,
  now: number,
): Promise<{ words: OwnerWord[]; stands: (word: OwnerWord) => boolean }> {
  const suffixes = await createHomeRegistry(redis).suffixes();
  const states = await readHomeStates(redis, suffixes);
  const computers = suffixes.flatMap((home, index) => {
    const { worker, wakingSince, asleepSince = 0 } = states[index] ?? {};
    return [{ home, since: wakingSince, isAwake: worker !== undefined, asleep: asleepSince }];
  });
  const words = computers.flatMap(({ home, since, isAwake }): OwnerWord[] => {
    if (since === undefined || isAwake || now - since < longWakeMs) return [];
    const name = home === '' ? '' : ` “${home.slice(1)}”`;
    const text = `The computer${name} was started, and no worker has come up on it. The worker’s log says why.`;
    return [{ cause: 'start', at: new Date(since).toISOString(), text }];
  });
  return {
    words,
    stands: ({ cause, at }) =>
      cause !== 'start' ||
      computers.some(({ isAwake, asleep }) => !isAwake && Date.parse(at) > asleep),
  };
}

/** How many things need a look. */
export function countLooks({ words, dead, replies }: Looks): number {
  return words.length + dead.length + replies.length;
}
