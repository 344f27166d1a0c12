import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../../shared/runtime/errors.ts';
import { createQueues } from '../../shared/store/all-queues.ts';
import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import type { HomeSnapshot } from '../../shared/store/home-snapshots.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import type { Person } from '../../shared/store/people.ts';
import { keys, ofHome } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Placement } from '../../shared/store/boxes/intake.ts';
import { drainCommand, moveCommand } from './move-command.ts';
import type { PeopleOptions } from './options.ts';

export type PeopleCommandDeps = {
  redis: Redis;
  /** Prints a line for the operator. */
  say: (line: string) => void;
  /** How often Redis is asked for the outcome (ms). */
  everyMs?: number;
  /** How a person gets a home when theirs is emptied. */
  placement?: Placement;
};

/**
 * Does what was asked for one person. The worker restores: it has the files, the rights and the
 * store. A turn without messages makes the relay wake it. Throws SetupError when it cannot be done.
 */
export async function runPeopleCommand(
  options: PeopleOptions,
  parts: PeopleCommandDeps,
): Promise<void> {
  const { redis, say } = parts;
  const moving = { placement: 'shared' as const, ...parts };
  if (options.action === 'drain') return await drainCommand(options.home, options.isUndone, moving);
  const person = await createPeopleStore(redis).find(options.address);
  const [conversation] = person?.conversations ?? [];
  if (!person || conversation === undefined)
    throw new SetupError('No person with this number has written yet, so there are no files.');
  if (options.action === 'move') return await moveCommand(person, options.to, moving);
  const last = await createHomeSnapshots(redis).last(person.id);
  if (options.action === 'snapshots') return say(describe(last));
  await restore({ person, conversation, before: options.before }, parts);
}

/** The last snapshot in words. */
function describe(last: HomeSnapshot | undefined): string {
  if (!last) return 'There is no snapshot of this person’s files.';
  const size = last.files > 0 ? `, ${last.files} files, ${(last.bytes / 1e6).toFixed(1)} MB` : '';
  const lacks =
    last.leftOut === '' ? '' : `\nIt lacks, for its limits or for rights: ${last.leftOut}`;
  return `The last snapshot is of ${new Date(last.at).toISOString()}${size}.${lacks}`;
}

type Request = { person: Person; conversation: string; before: number | undefined };

async function restore(
  { person, conversation, before }: Request,
  { redis, say, everyMs = 500 }: PeopleCommandDeps,
): Promise<void> {
  const snapshots = createHomeSnapshots(redis);
  const people = createPeopleStore(redis);
  const queues = createQueues(redis, {});
  const token = randomBytes(8).toString('hex');
  try {
    await snapshots.ask(conversation, { token, before });
    const id = await queues.turns.add(conversation);
    const home = await queues.turns.homeOf(conversation);
    const isAwake = (await redis.exists(ofHome(keys.heartbeat, home))) === 1;
    say(isAwake ? 'Asked the worker …' : 'The computer is asleep, and is woken for this …');
    for (;;) {
      // While they move, their turn goes from one computer's queue to the other's.
      const isMoving = (await people.get(person.id))?.move !== undefined;
      const queue = queues.turns.queueOf(await queues.turns.homeOf(conversation));
      const job = await queue.getJob(id);
      const isOver = !isMoving && (!job || (await job.isCompleted()));
      const outcome = await snapshots.outcome(conversation, token);
      if (outcome?.startsWith('restored')) return say(`Done: ${outcome}.`);
      if (outcome !== undefined) throw new SetupError(`It ${outcome}.`);
      if (isOver) {
        await snapshots.finish(conversation, token, 'failed: not taken up');
        throw new SetupError('The worker has not done it: SNAPSHOT_REPOSITORY is not set there.');
      }
      await sleep(everyMs);
    }
  } finally {
    await queues.close();
  }
}
