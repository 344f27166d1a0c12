import { setTimeout as sleep } from 'node:timers/promises';
import { reportError } from '../../shared/runtime/errors.ts';
import type { Move } from '../../shared/store/homes/moves.ts';
import type { Person } from '../../shared/store/people.ts';
import { loadNumbers } from '../people/lazy-modules.ts';
import type { MovingDeps } from './parts.ts';
import { moveFailedWords, moveStuckWords, setAsideWords } from './words.ts';

/** Takes people's moves on, on the side of the home that they leave and on that of the new one. */
export type Mover = {
  /**
   * The person of a conversation moves: takes it on from the step where it is, in the background.
   * Returns how long their turn is put off before the next look (ms).
   */
  see(conversation: string): Promise<number>;
  /**
   * Sets aside what this disk has of people who have another home by now, once the owner knows
   * under which names. Never throws.
   */
  fence(): Promise<void>;
  /** Takes nothing on any more; what is being set aside is waited for. */
  stop(): Promise<void>;
};

/** How long a turn is put off at first, and at most (ms): the end of the move calls it at once. */
const [firstMs, lastMs] = [300, 5000];

/** How often a step may fail in a row before the move is given up, or the owner hears of it. */
const mostFailures = 3;

/** How long a person's turn may take to be handed back, before it is looked again (ms). */
const busyMs = 100;

export function createMover(parts: MovingDeps): Mover {
  const { stores, boot, aside, log } = parts;
  const { moves, people, tellOwner } = stores;
  const running = new Map<string, Promise<void>>();
  const failures = new Map<string, number>();
  let isStopped = false;

  const nameOf = async ({ name, conversations }: Person): Promise<string> =>
    name ?? (await loadNumbers()).showNumber(conversations[0] ?? '');

  /** Takes one step. Returns whether another one may follow here. */
  const step = async (person: Person, move: Move): Promise<boolean> => {
    const { name } = boot.place;
    const outcome =
      move.step === 'moved' && move.to === name
        ? await (await import('./arriving.ts')).arrive(parts, person, move)
        : move.from === name
          ? await (await import('./leaving.ts')).leave(parts, person, move)
          : 'gone';
    if (outcome === 'busy') await sleep(busyMs);
    else if (outcome !== 'gone')
      log.info({ person: person.id, from: move.from, to: move.to, step: outcome }, 'a move');
    failures.delete(person.id);
    return outcome !== 'done' && outcome !== 'failed' && outcome !== 'gone';
  };
  const onFailure = async (person: Person, move: Move, error: unknown): Promise<void> => {
    const count = (failures.get(person.id) ?? 0) + 1;
    failures.set(person.id, count);
    const reason = reportError(error).message;
    log.warn({ person: person.id, step: move.step, failures: count, err: error }, 'a move failed');
    if (count < mostFailures) return;
    if (move.step === 'moved')
      return await tellOwner('move', moveStuckWords(await nameOf(person), move.to, reason));
    if ((await moves.advance(move, 'failed', { reason })) !== 'failed') return;
    failures.delete(person.id);
    await tellOwner('move', moveFailedWords(await nameOf(person), move.to, reason));
  };
  const run = async (id: string): Promise<void> => {
    for (let goesOn = true; goesOn;) {
      if (isStopped) return;
      const [person, move] = await Promise.all([people.get(id), moves.read(id)]);
      if (!person || !move || move.step === 'done' || move.step === 'failed') break;
      try {
        goesOn = await step(person, move);
      } catch (error) {
        if (isStopped) return;
        await onFailure(person, move, error);
        break;
      }
    }
    const person = await people.get(id);
    // What was put off meanwhile runs now.
    if (person?.move === undefined)
      for (const conversation of person?.conversations ?? [])
        await stores.turns.promote(conversation);
  };

  const fence = async (): Promise<void> => {
    try {
      const moved: { id: string; epoch: number; left: string }[] = [];
      for (const home of await boot.homes.list()) {
        const person = await people.get(home.person);
        if (!person || person.epoch === 0 || person.home === boot.place.name) continue;
        for (const conversation of person.conversations) await boot.agent.release(conversation);
        const left = await aside.nameLeft(person.id, person.epoch);
        if (left !== undefined) moved.push({ id: person.id, epoch: person.epoch, left });
      }
      if (moved.length === 0) return;
      const names = moved.map(({ left }) => left);
      // First: a process that ends in between does this again, with the same names.
      await tellOwner(`left${boot.place.suffix}`, setAsideWords(boot.place.name, names));
      for (const { id, epoch } of moved) await aside.setAside(id, epoch);
      log.warn({ left: names }, 'set aside files of people who have another home by now');
    } catch (error) {
      log.warn({ err: error }, 'could not look for people who have another home by now');
    }
  };
  let fencing: Promise<void> = Promise.resolve();

  return {
    async see(conversation) {
      const { id } = await people.of(conversation);
      if (!running.has(id)) {
        const work = run(id)
          .catch((error: unknown) => {
            if (!isStopped) log.warn({ person: id, err: error }, 'a move was not taken on');
          })
          .finally(() => running.delete(id));
        running.set(id, work);
      }
      return Math.min(firstMs * 4 ** (failures.get(id) ?? 0), lastMs);
    },
    fence() {
      fencing = fencing.then(fence);
      return fencing;
    },
    async stop() {
      isStopped = true;
      await fencing;
    },
  };
}
