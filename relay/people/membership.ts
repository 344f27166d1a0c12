import type { Control } from '../../shared/store/redis/pubsub.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { TellOwner } from '../../shared/store/owner.ts';
import { createAllowed } from '../../shared/store/allowed.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { Schedules } from '../../shared/store/schedules.ts';
import { setAsideSeconds } from '../../shared/store/redis/retention.ts';
import { setAsideWords } from '../../shared/store/boxes/set-aside.ts';
import type { SetAside, SetAsideCounts } from '../../shared/store/boxes/set-aside.ts';
import type { AllowList } from './allow-list.ts';

export type MembershipParts = {
  redis: Redis;
  list: AllowList;
  setAside: SetAside;
  schedules: Schedules;
  outbox: Pick<Outbox, 'put'>;
  tellOwner: TellOwner;
  log: Log;
};

/** So many conversations are looked at in one step. */
const batch = 500;

const isSomething = ({ messages, replies, schedules }: SetAsideCounts): boolean =>
  messages + replies + schedules > 0;

/**
 * Writes who may write, and sees to those who came and went: what people who may not write any more
 * have waiting is set aside, and the owner hears of it; of those who are back the owner is asked.
 * All of it is found by looking, not by what has just changed, so that a death in between does no
 * harm. Throws when Redis is away.
 */
export function createMembership({
  redis,
  list,
  setAside,
  schedules,
  outbox,
  tellOwner,
  log,
}: MembershipParts): () => Promise<void> {
  const allowed = createAllowed(redis);

  /** Sets aside what people have waiting who may not write. Returns those who had something. */
  const sweep = async (): Promise<Set<string>> => {
    const moved = new Set<string>();
    for (const set of [keys.known, keys.conversations]) {
      let cursor = '0';
      do {
        const [next, conversations] = await redis.sscan(set, cursor, 'COUNT', batch);
        cursor = next;
        for (const conversation of await setAside.sweep(conversations)) moved.add(conversation);
      } while (cursor !== '0');
    }
    for (const conversation of await schedules.conversations()) {
      if (await allowed.has(conversation)) continue;
      if ((await schedules.setAside(conversation)) > 0) moved.add(conversation);
    }
    return moved;
  };

  const tellOfRemoved = async (moved: Set<string>): Promise<void> => {
    const lines: string[] = [];
    for (const conversation of moved)
      lines.push(`${conversation} (${setAsideWords(await setAside.counts(conversation))})`);
    if (lines.length === 0) return;
    log.warn(
      { people: lines.length },
      'what people have waiting who may not write any more is set aside',
    );
    await tellOwner('removed', removedWords(lines));
  };

  const askForReturned = async (): Promise<void> => {
    const owner = await allowed.owner();
    for (const address of list.current()) {
      const counts = await setAside.counts(address);
      if (!isSomething(counts)) continue;
      log.warn(
        { conversation: address, ...counts },
        'a person is back, and what they had waiting is still set aside',
      );
      if (owner === undefined) continue;
      const since =
        /^allowed since ([^,]+)/.exec((await redis.hget(keys.allowed, address)) ?? '')?.[1] ?? '';
      const id = `returned.${address}.${Date.parse(since) || 0}`;
      const items = [
        { id: `/people do ${address}`, title: 'Do it' },
        { id: `/people drop ${address}`, title: 'Drop it' },
      ];
      await outbox.put([
        {
          id,
          conversation: owner,
          turn: id,
          text: returnedWords(address, counts),
          choices: { kind: 'buttons', items, told: true },
        },
      ]);
    }
  };

  return async () => {
    const { isOurs, removed } = await list.publish();
    if (!isOurs) return;
    await tellOfRemoved(await sweep());
    for (const conversation of removed) {
      log.warn({ conversation }, 'a person may not write any more');
      // A turn of theirs looks at its inbox, and ends. Not before the owner is told, or the worker
      // would tell half of it.
      const said: Control = { kind: 'message', conversation, id: 'removed', putOff: false };
      await redis.publish(keys.arrivals, JSON.stringify(said));
    }
    await askForReturned();
  };
}

/** What the owner is told of people who had something waiting. */
export function removedWords(people: string[]): string {
  const days = setAsideSeconds / 86_400;
  return `No longer in ALLOWED_SENDERS: ${people.join(', ')}. I set what was waiting aside. It is not done, and I delete it after ${days} days unless they come back.`;
}

function returnedWords(address: string, counts: SetAsideCounts): string {
  return `${address} may write again. From before, ${setAsideWords(counts)} ${counts.messages + counts.replies + counts.schedules === 1 ? 'is' : 'are'} still set aside. Shall I do it, or drop it? Text “/people do ${address}” or “/people drop ${address}”.`;
}
