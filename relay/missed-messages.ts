import type { Sender } from '../shared/store/boxes/intake.ts';
import type { Log } from '../shared/runtime/log.ts';
import { Message } from '../shared/store/message.ts';
import { SendFailure } from '../shared/delivery/messenger.ts';
import type { Messenger, Remembered } from '../shared/delivery/messenger.ts';
import type { Incoming } from './incoming.ts';
import type { VmKeeper } from './wake/vm.ts';

export type MissedMessageDeps = {
  messenger: Messenger;
  incoming: Incoming;
  keeper: Pick<VmKeeper, 'onAccepted'>;
  /** Our account; no other account is queried. */
  accountSid: string;
  log: Log;
};

/**
 * What a pass over the carrier's list has left: when the first message that is too young is old
 * enough (ms since 1970; Infinity without such a message), and how many could not be taken in.
 */
export type LeftOver = { youngUntil: number; failed: number };

/**
 * Takes in messages that the carrier has since then and the relay does not know, oldest first. The
 * list is newest first, so pages with missing messages are read twice, and only one page is in
 * memory at a time. Skips a message younger than `youngMs`: its webhook may still arrive and has
 * more data than the list. Throws when the carrier or Redis is away.
 */
export type TakeMissed = (now: Date, since: Date, youngMs: number) => Promise<LeftOver>;

export function createTakeMissed(parts: MissedMessageDeps): TakeMissed {
  const { messenger, incoming, log } = parts;
  const { claims, judgeParties, people } = incoming;

  return async (now, since, youngMs) => {
    /**
     * The sender behind an address, looked up once a round, since lookups of strangers are not
     * cached elsewhere.
     */
    const senders = new Map<string, Promise<Sender | undefined>>();
    const identify = ({ to, from }: Remembered): Promise<Sender | undefined> => {
      const judgement = judgeParties({ account: parts.accountSid, ours: to, theirs: from });
      if (!('person' in judgement) || judgement.person === undefined)
        return Promise.resolve(undefined);
      const sender = senders.get(from) ?? people.identify([judgement.person]);
      senders.set(from, sender);
      return sender;
    };
    const findMissing = async (
      messages: Remembered[],
    ): Promise<{ remembered: Remembered; sender: Sender }[]> => {
      const unknown = await claims.unknown(messages.map(({ id }) => id));
      const missing = [];
      for (const remembered of messages) {
        const sender = unknown.has(remembered.id) ? await identify(remembered) : undefined;
        if (sender) missing.push({ remembered, sender });
      }
      return missing;
    };
    const oldEnoughAt = ({ remembered: { at } }: { remembered: Remembered }): number =>
      at.getTime() + youngMs;
    const isYoung = (missed: { remembered: Remembered }): boolean =>
      now.getTime() < oldEnoughAt(missed);

    const pages: (() => Promise<Remembered[]>)[] = [];
    const left: LeftOver = { youngUntil: Infinity, failed: 0 };
    for await (const { messages, again } of messenger.received(since)) {
      const missing = await findMissing(messages);
      left.youngUntil = Math.min(left.youngUntil, ...missing.filter(isYoung).map(oldEnoughAt));
      if (missing.some((message) => !isYoung(message))) pages.push(again);
    }
    /** The last message of each conversation: “typing…” shows once for all of them. */
    const newest = new Map<string, Message>();
    for (const again of pages.toReversed()) {
      for (const missed of await findMissing(await again())) {
        if (isYoung(missed)) continue;
        try {
          const taken = await takeIn(parts, missed.remembered, missed.sender);
          if (taken) newest.set(taken.conversation, taken);
        } catch (error) {
          // It must not block the others; the next round retries it.
          left.failed += 1;
          log.warn({ err: error, message: missed.remembered.id }, 'could not backfill a message');
        }
      }
    }
    for (const message of newest.values()) parts.keeper.onAccepted(message);
    return left;
  };
}

/** Returns the message if it was new. */
async function takeIn(
  { incoming, log }: MissedMessageDeps,
  remembered: Remembered,
  sender: Sender,
): Promise<Message | undefined> {
  const { data } = Message.safeParse({
    id: remembered.id,
    conversation: sender.conversation,
    at: lateTime(remembered),
    text: remembered.text,
    media: await listMedia(remembered),
    human: true,
  });
  if (!data) return undefined;
  const { outcome, turn, message } = await incoming.receive(data, { ...sender, missed: true });
  if (outcome !== 'new') return undefined;
  log.warn(
    { turn, message: message.id, conversation: message.conversation },
    'backfilled a message without a webhook',
  );
  return message;
}

/**
 * The carrier reports whole seconds, a webhook's message has its exact arrival; without a later
 * time, this message would overtake its predecessor of the same second.
 */
function lateTime({ at }: Remembered): string {
  return new Date(at.getTime() + 999 - at.getMilliseconds()).toISOString();
}

/** If the carrier no longer has the files, the message is taken in without them. */
async function listMedia({ media }: Remembered): Promise<Message['media']> {
  try {
    return await media();
  } catch (error) {
    if (
      error instanceof SendFailure &&
      (error.action === 'give-up' || error.action === 'unreachable')
    )
      return [];
    throw error;
  }
}
