import { createHomeSnapshots } from '../../shared/store/home-snapshots.ts';
import { carryJobs } from '../../shared/store/homes/carry.ts';
import type { Move, MoveStep } from '../../shared/store/homes/moves.ts';
import { homeOfName } from '../../shared/store/homes/registry.ts';
import type { Person } from '../../shared/store/people.ts';
import type { NewReply } from '../../shared/store/reply.ts';
import { createNotes } from '../snapshots/notes.ts';
import type { MovingDeps } from './parts.ts';
import { movedWords, secretsLostWords } from './words.ts';

/**
 * Ends a move in the home that the person has got: their jobs, files and secrets are there before
 * their first turn. May be repeated after a kill anywhere. Throws when it fails.
 */
export async function arrive(
  parts: MovingDeps,
  person: Person,
  move: Move,
): Promise<MoveStep | 'busy' | 'gone'> {
  const { stores, boot } = parts;
  const [conversation = ''] = person.conversations;
  const from = await homeOfName(stores.homes, move.from);
  const carrying = { redis: stores.redis, queues: stores };
  await carryJobs(carrying, person.conversations, from.suffix, boot.place.suffix);
  await restoreAll(parts, person, move);
  const unreadable = await boot.secrets.replace(person.id, move.secrets);
  const lost = person.secrets.filter(
    (name) => !(name in move.secrets) || unreadable.includes(name),
  );
  await tell(parts, conversation, { person, move, lost });
  await stores.people.note(person.id, {
    secrets: Object.keys(move.secrets)
      .filter((name) => !unreadable.includes(name))
      .join(', '),
  });
  return await stores.moves.advance(move, 'done');
}

/**
 * Brings back everything that the person has a snapshot of. Throws also when the store has none of
 * theirs, as on a computer where it is not mounted: their files are elsewhere, and an empty home
 * would look as if they were lost.
 */
async function restoreAll(
  { stores: { redis }, boot, aside }: MovingDeps,
  person: Person,
  { epoch, snapshot = 0 }: Move,
): Promise<void> {
  const [conversation = ''] = person.conversations;
  const records = createHomeSnapshots(redis);
  for (const id of [person.id, ...person.former]) {
    if (id !== person.id && !(await records.last(id))) continue;
    // What an earlier stay has left here.
    await aside.setAside(id, epoch);
    const home = await boot.homes.of(id);
    if (boot.snapshots) await boot.snapshots.homeOf(async () => home)(conversation);
  }
  const { at } = await createNotes(boot.homes.dataDir).read(person.id);
  if (snapshot > 0 && at === undefined) throw new Error('the store has no snapshot of theirs');
}

/** What the person hears of a move. */
async function tell(
  { stores: { redis, outbox } }: MovingDeps,
  conversation: string,
  { person, move, lost }: { person: Person; move: Move; lost: string[] },
): Promise<void> {
  const id = `moved.${person.id}.${move.epoch}`;
  const replies: NewReply[] = [];
  if (move.by !== 'dead') {
    const last = await createHomeSnapshots(redis).last(person.id);
    replies.push({ id, conversation, turn: id, text: movedWords(last?.leftOut ?? '') });
  }
  if (lost.length > 0)
    replies.push({ id: `${id}.secrets`, conversation, turn: id, text: secretsLostWords(lost) });
  if (replies.length > 0) await outbox.put(replies);
}
