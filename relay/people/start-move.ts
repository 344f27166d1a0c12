import { createHomeRegistry } from '../../shared/store/homes/registry.ts';
import { createMoves } from '../../shared/store/homes/moves.ts';
import type { MoveRefusal, Rescue } from '../../shared/store/homes/moves.ts';
import type { Placement } from '../../shared/store/boxes/intake.ts';
import type { Person } from '../../shared/store/people.ts';
import type { Turns } from '../../shared/store/queues.ts';
import { announceMoving, announceWork } from '../../shared/store/redis/pubsub.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';

export type MoveStart = { to?: string | undefined; placement: Placement; by: string };

/** A move that has begun, or the reason against it, in a sentence. */
export type StartedMove = { from: string; to: string } | { refusal: string };

/** Why a person cannot move. */
function refusalWords(
  outcome: MoveRefusal | Exclude<Rescue['outcome'], 'moved'>,
  from: string,
  to: string,
): string {
  switch (outcome) {
    case 'unwritten':
      return 'They have not written yet, so there is nothing to move.';
    case 'there':
      return `They have the computer “${from}” already.`;
    case 'unknown':
      return `There is no computer “${to}”. It registers when its worker starts.`;
    case 'busy':
      return `They are on their way already (to “${to}”), or something of theirs is still at work. Try again in a minute.`;
    case 'dead':
    case 'alive':
      return `The computer “${from}” is just coming up or going away. Try again in a minute.`;
    case 'dead target':
      return `The computer “${to}” does not come up.`;
    case 'draining':
      return `The computer “${to}” is being emptied. “npm run people -- drain ${to} --undo” ends that.`;
    case 'full':
      return `The computer “${to}” has all the people that it takes. Raise its HOME_PEOPLE first.`;
    case 'no store':
      return `The computer “${to || from}” has no snapshot store, and a move goes through one. Set SNAPSHOT_REPOSITORY and SNAPSHOT_PASSWORD on every computer, and start its worker once.`;
    case 'other store':
      return `The computers “${from}” and “${to}” have different snapshot stores. Give both the same SNAPSHOT_REPOSITORY and SNAPSHOT_PASSWORD.`;
    case 'no home':
      return `No computer is free for the people of “${from}”. Add one, raise HOME_PEOPLE on another, or set PLACEMENT=shared.`;
    case 'no snapshot':
      return `The computer “${from}” does not come up, and there is no snapshot of their files to go on with.`;
    default:
      return outcome satisfies never;
  }
}

/**
 * Asks for a move of a person, and has their home begin with it. A home that does not come up is
 * left by what is in the snapshot store. May be repeated.
 */
export async function startMove(
  { redis, turns }: { redis: Redis; turns: Turns },
  person: Pick<Person, 'id' | 'conversations'>,
  wanted: MoveStart,
): Promise<StartedMove> {
  const moves = createMoves(redis);
  const asked = await moves.ask(person.id, wanted);
  const started = asked.outcome === 'dead' ? await moves.rescue(person.id, wanted) : asked;
  const { outcome, from, to } = started;
  if (outcome !== 'asked' && outcome !== 'moved')
    return { refusal: refusalWords(outcome, from, to) };
  await callHomes({ redis, turns }, person);
  return { from, to };
}

/** Has the home that a person has now take their move on, and wakes it. */
export async function callHomes(
  { redis, turns }: { redis: Redis; turns: Turns },
  { conversations }: Pick<Person, 'conversations'>,
): Promise<void> {
  for (const conversation of conversations) {
    const home = await turns.homeOf(conversation);
    // A turn that runs is handed back; without one, this one goes on with the move.
    await turns.add(conversation);
    await announceMoving(redis, home, [conversation]);
    announceWork(redis, home);
  }
}

/** A conversation's computer, by its name, and those that its person may be moved to. */
export type Computers = { own: string; others: string[] };

/** Reads them; undefined where there is only one computer. */
export async function readComputers(
  redis: Redis,
  conversation: string,
): Promise<Computers | undefined> {
  const homes = await createHomeRegistry(redis).list();
  if (homes.length < 2) return undefined;
  const name = await redis.hget(keys.conversation(conversation), 'home');
  const own = homes.find((home) => (name === null ? home.suffix === '' : home.name === name));
  const others = homes.filter((home) => home !== own && !home.dead && !home.draining);
  return { own: own?.name ?? '', others: others.map((home) => home.name) };
}
