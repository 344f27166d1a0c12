import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../../shared/runtime/errors.ts';
import { createQueues } from '../../shared/store/all-queues.ts';
import type { Placement } from '../../shared/store/boxes/intake.ts';
import { waitingSets } from '../../shared/store/boxes/sweep.ts';
import { createHomeRegistry, homeOfName } from '../../shared/store/homes/registry.ts';
import { createMoves } from '../../shared/store/homes/moves.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
import type { Person } from '../../shared/store/people.ts';
import type { Turns } from '../../shared/store/queues.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { callHomes, startMove } from './start-move.ts';

export type MoveCommandDeps = {
  redis: Redis;
  placement: Placement;
  /** Prints a line for the operator. */
  say: (line: string) => void;
  /** How often Redis is asked how far it is (ms). */
  everyMs?: number;
  /** How long one person may take before the command gives up waiting (ms). */
  patienceMs?: number;
  /** How long the new computer may take before it is called again (ms). */
  callAgainMs?: number;
};

/** How long one person may take (ms): 10 GB there and back take about twenty minutes. */
const longestMs = 60 * 60_000;

/** When the new computer is called again (ms): a restore with little in it is over by then. */
const againMs = 10_000;

/** What each step means, for the operator. */
const stepWords: Partial<Record<string, string>> = {
  asked: 'Waiting for what runs …',
  held: 'Saving their files …',
  saved: 'Handing over …',
  moved: 'Restoring on the new computer …',
};

/** Moves one person to a computer. Throws SetupError when it is refused or fails. */
export async function moveCommand(
  person: Person,
  to: string,
  parts: MoveCommandDeps,
): Promise<void> {
  const queues = createQueues(parts.redis, {});
  try {
    await movePerson(queues.turns, person, { ...parts, to, by: 'operator' });
  } finally {
    await queues.close();
  }
}

/**
 * Moves all people of a computer away and gives it no new ones; `isUndone` ends that. Throws
 * SetupError when somebody could not be moved: the others have, and a repeated call goes on.
 */
export async function drainCommand(
  home: string,
  isUndone: boolean,
  parts: MoveCommandDeps,
): Promise<void> {
  const { redis, say } = parts;
  const registry = createHomeRegistry(redis);
  if (!(await registry.drain(home, !isUndone)))
    throw new SetupError(`There is no computer “${home}”. It registers when its worker starts.`);
  if (isUndone) return say(`The computer “${home}” gets new people again.`);
  const queues = createQueues(redis, {});
  try {
    await beginRecords(redis, home);
    const people = createPeopleStore(redis);
    const problems: string[] = [];
    for (const id of await createMoves(redis).peopleOf(home)) {
      const person = await people.get(id);
      if (!person) continue;
      await movePerson(queues.turns, person, { ...parts, by: 'drain' }).catch((error: unknown) => {
        if (!(error instanceof SetupError)) throw error;
        problems.push(error.message);
        say(error.message);
      });
    }
    const left = await createMoves(redis).peopleOf(home);
    if (left.length > 0)
      throw new SetupError(
        `The computer “${home}” still has ${left.length === 1 ? 'one person' : `${left.length} people`}. Repeat the command once the cause is gone.`,
      );
    say(`The computer “${home}” has no people any more, and gets no new ones.`);
  } finally {
    await queues.close();
  }
}

/** A person who waits for their first turn has no record yet: it begins here. */
async function beginRecords(redis: Redis, home: string): Promise<void> {
  const { suffix } = await homeOfName(createHomeRegistry(redis), home);
  const people = createPeopleStore(redis);
  for (const set of waitingSets([suffix]))
    for (const conversation of await redis.smembers(set)) await people.idOf(conversation);
}

async function movePerson(
  turns: Turns,
  person: Person,
  parts: MoveCommandDeps & { to?: string; by: string },
): Promise<void> {
  const { redis, say, placement, to, by } = parts;
  const { everyMs = 300, patienceMs = longestMs, callAgainMs = againMs } = parts;
  const name = person.name ?? person.conversations[0] ?? person.id;
  const started = await startMove({ redis, turns }, person, { to, placement, by });
  if ('refusal' in started) throw new SetupError(`${name}: ${started.refusal}`);
  say(`${name}: from “${started.from}” to “${started.to}”.`);
  const moves = createMoves(redis);
  const deadline = Date.now() + patienceMs;
  let called = Date.now();
  for (let shown = ''; ; await sleep(everyMs)) {
    const move = await moves.read(person.id);
    if (!move || move.step === 'done') return say(`${name}: done.`);
    if (move.step === 'failed')
      throw new SetupError(`${name} could not be moved: ${move.reason ?? 'it was given up'}.`);
    const words = stepWords[move.step] ?? '';
    if (words !== shown) {
      say((shown = words));
      called = Date.now();
    }
    // The old computer, which sends their turn after them, may have died just then.
    if (move.step === 'moved' && Date.now() - called >= callAgainMs) {
      await callHomes({ redis, turns }, person);
      called = Date.now();
    }
    if (Date.now() > deadline)
      throw new SetupError(
        `${name} is still on the way after ${Math.round(patienceMs / 60_000)} minutes. It goes on without this command.`,
      );
  }
}
