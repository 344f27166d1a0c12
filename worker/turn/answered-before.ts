import type { Message } from '../../shared/store/message.ts';
import type { Messenger } from '../../shared/delivery/messenger.ts';
import type { Ledger } from '../../shared/store/boxes/ledger.ts';
import type { Snapshot } from '../../shared/store/boxes/snapshot.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { quoteMessages } from './format-messages.ts';
import type { TurnContext } from './context.ts';

export type AnsweredBeforeDeps = {
  outbox: Outbox;
  ledger: Ledger;
  messenger: Pick<Messenger, 'sentTo'>;
};

/**
 * What is sent beside answers: notices of the relay and lines about long work. They are no sign of
 * an answer.
 */
const beside =
  /^Waking up your computer|^Your computer does not wake|(?<!\d)\d+ min(?: so far\))?$/;

/**
 * For so long after the store has changed (ms) messages from before may still come in: they are
 * looked for in Twilio's list.
 */
const lateMs = 15 * 60_000;

/**
 * When the words of a turn may have been said before, by what the store has lost (ISO 8601): when
 * the oldest of its messages was written, or some minutes before the store changed, where such a
 * message may still come. Twilio posts an answered message anew when its acknowledgement went with
 * the store, and the relay takes it for a new one of that moment: for a quarter of an hour each
 * answer waits for a look into the list. Undefined when nothing may have been said.
 */
export function mayHaveBeenSaid(
  { messages, since }: Pick<Snapshot, 'messages' | 'since'>,
  now: number,
): string | undefined {
  if (since === '') return undefined;
  const oldest = messages
    .map(({ at }) => at)
    .filter((at) => at < since)
    .toSorted()[0];
  if (oldest !== undefined) return oldest;
  return now - Date.parse(since) < lateMs
    ? new Date(Date.parse(since) - lateMs).toISOString()
    : undefined;
}

/**
 * When an answer that the agent's transcript had already may have been said (ISO 8601): it is
 * looked up where the store has changed since then, also right after the change. A copy of an
 * answered message that comes in late looks like a new one.
 */
export function rememberedSaidAt(now: number): string {
  return new Date(now - lateMs).toISOString();
}

/**
 * The same outbox for a turn that may have messages older than the store as it is now: what is said
 * then may have been said before, so it is looked up in Twilio's list before it is sent. `saidAt`
 * tells at each put when the oldest was written (ISO 8601), since old messages may come in while
 * the turn runs; undefined, nothing may have been said.
 */
export function lookUpFirst(outbox: Outbox, saidAt: () => string | undefined): Outbox {
  return {
    ...outbox,
    put(replies, ...rest) {
      const at = saidAt();
      const dated = replies.map((reply) => {
        const earliest = [reply.saidAt, at].filter((time) => time !== undefined).toSorted()[0];
        return earliest === undefined ? reply : { ...reply, saidAt: earliest };
      });
      return outbox.put(dated, ...rest);
    },
  };
}

/**
 * Leaves out messages that have their answer already, though the store does not know of it: it has
 * lost the end of what was written, or is a restored copy. Only what is older than the store as it
 * is now is looked up: a message of ours to this person that Twilio's list has and the ledger does
 * not, said after theirs and before the store changed, counts as its answer, and the person hears
 * that it does. With a session it is not asked: there the agent's transcript knows exactly which
 * messages have their answer, which is looked up then before it is sent. What `isExhausted` is
 * asked all the same: the agent does not see it again. Returns those that are to be worked. Throws
 * what the list's refusal throws: nothing is worked before the look.
 */
export async function leaveAnswered(
  { outbox, ledger, messenger }: AnsweredBeforeDeps,
  { fence, turn, conversation, log }: TurnContext,
  {
    messages,
    since,
    conversation: { address, session },
  }: Pick<Snapshot, 'messages' | 'since' | 'conversation'>,
  isExhausted: (message: Message) => boolean,
): Promise<Message[]> {
  const old =
    since === ''
      ? []
      : messages.filter(
          (message) => message.at < since && (session === undefined || isExhausted(message)),
        );
  const [first] = old.map(({ at }) => second(at)).toSorted((one, other) => one - other);
  if (first === undefined || !messenger.sentTo) return messages;
  const forgotten: number[] = [];
  for (const { sid, text, at } of await messenger.sentTo(
    address ?? conversation,
    new Date(first),
  )) {
    const isOld = at.getTime() < Date.parse(since);
    if (isOld && !beside.test(text.trim()) && !(await ledger.isClaimed(sid)))
      forgotten.push(at.getTime());
  }
  const answered = new Set(
    old.filter(({ at }) => forgotten.some((time) => time >= second(at))).map(({ id }) => id),
  );
  if (answered.size === 0) return messages;
  log.warn(
    { conversation, messages: answered.size },
    'answered before the store came back different: not answered again',
  );
  const words = answeredBeforeWords(old.filter(({ id }) => answered.has(id)));
  await outbox.put(
    [{ id: `${turn}.answered-before.${[...answered][0]}`, conversation, turn, text: words }],
    fence,
    { conversation, ids: [...answered], state: 'answered' },
  );
  return messages.filter(({ id }) => !answered.has(id));
}

/**
 * Twilio's list says that something was said after these, not that it was their answer: the person
 * knows better.
 */
export function answeredBeforeWords(messages: Message[]): string {
  return `I lost the last moments of my memory. I think I answered ${quoteMessages(messages)} already. If not, text it again.`;
}

/** Twilio tells times in whole seconds. */
function second(at: string): number {
  return Math.floor(Date.parse(at) / 1000) * 1000;
}
