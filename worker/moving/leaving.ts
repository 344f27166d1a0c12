import { carryJobs } from '../../shared/store/homes/carry.ts';
import { homeOfName } from '../../shared/store/homes/registry.ts';
import type { Move, MoveStep } from '../../shared/store/homes/moves.ts';
import type { Person } from '../../shared/store/people.ts';
import { announceMoving } from '../../shared/store/redis/pubsub.ts';
import type { Home } from '../agent/homes/home.ts';
import type { MovingDeps } from './parts.ts';

/**
 * Takes a move one step on, in the home that the person leaves. Returns the step that it is at
 * then; `busy` while something of theirs runs. Each step may be repeated after a kill anywhere.
 * Throws when it fails.
 */
export async function leave(
  parts: MovingDeps,
  person: Person,
  move: Move,
): Promise<MoveStep | 'busy' | 'gone'> {
  const { moves } = parts.stores;
  switch (move.step) {
    case 'asked':
      await handBack(parts, person);
      return await moves.advance(move, 'held');
    case 'held':
      return await moves.advance(move, 'saved', await save(parts, person, move));
    case 'saved':
      return await moves.advance(move, 'moved');
    case 'moved':
      // Back from the dead, it has files that may be newer: the owner hears of those.
      if (move.by !== 'dead') await clear(parts, person, move);
      // The rest is the new home's.
      return 'gone';
    default:
      return 'gone';
  }
}

/** Has every worker of this home hand back the person's turns, and ends their processes. */
async function handBack(
  { stores: { redis }, boot: { place, claims, agent } }: MovingDeps,
  { conversations }: Person,
): Promise<void> {
  await announceMoving(redis, place.suffix, conversations);
  for (const conversation of conversations) {
    await claims.claim(conversation);
    await agent.release(conversation);
  }
}

/** The homes that a person has here: of two people who turned out to be one, each has a directory. */
async function homesHere({ boot: { homes } }: MovingDeps, { id, former }: Person): Promise<Home[]> {
  const own = await homes.of(id);
  const others = (await homes.list()).filter(({ person }) => former.includes(person));
  return [own, ...others];
}

async function save(
  parts: MovingDeps,
  person: Person,
  { to }: Move,
): Promise<{ snapshot: string; secrets: string }> {
  const { snapshots, secrets, personOf } = parts.boot;
  const [conversation = ''] = person.conversations;
  if (!snapshots) throw new Error('SNAPSHOT_REPOSITORY is not set on their computer');
  let at = 0;
  for (const home of await homesHere(parts, person)) {
    // A home that is behind its last snapshot is restored first.
    await snapshots.homeOf(async () => home)(conversation);
    at = Math.max(at, await snapshots.saveNow(home));
  }
  const { key } = await homeOfName(parts.stores.homes, to);
  const sealed = key === undefined ? {} : await secrets.sealTo(await personOf(conversation), key);
  return { snapshot: String(at), secrets: JSON.stringify(sealed) };
}

/** Takes away what the person has here. */
async function clear(parts: MovingDeps, person: Person, { to, epoch }: Move): Promise<void> {
  const { stores, boot, aside } = parts;
  const target = await homeOfName(stores.homes, to);
  const carrying = { redis: stores.redis, queues: stores };
  await carryJobs(carrying, person.conversations, boot.place.suffix, target.suffix);
  // Their secrets are sealed to the new home's key by now; who is back here keeps theirs.
  const forget = (): Promise<unknown> => boot.secrets.replace(person.id, {});
  for (const { person: id } of await homesHere(parts, person))
    await aside.setAside(id, epoch, id === person.id ? forget : undefined);
}
