import type { Message } from '../shared/message.ts';
import type { Messenger } from '../shared/messenger.ts';
import type { Ledger } from '../shared/ledger.ts';
import type { Opening } from '../shared/opening.ts';
import type { Outbox } from '../shared/outbox.ts';
import type { TurnContext } from './turn-context.ts';

export type AnsweredBeforeDeps = { outbox: Outbox; ledger: Ledger; messenger: Pick<Messenger, 'sentTo'> };

/** What is sent beside answers: notices of the relay and lines about long work. They are no sign of an answer. */
const beside = /^Waking up your computer|^Your computer does not wake|(?<!\d)\d+ min(?: so far\))?$/;

/**
 * Leaves out messages that have their answer already, though the store does not know of it: it has lost the end of what was
 * written, or is a restored copy. Only what is older than the store as it is now is looked up: a message of ours to this
 * person that Twilio's list has and the ledger does not, said after theirs and before the store changed, is its answer.
 * Returns those that are to be worked. Throws what the list's refusal throws: nothing is worked before the look.
 */
export async function leaveAnswered({ outbox, ledger, messenger }: AnsweredBeforeDeps, { fence, conversation, log }: TurnContext, { messages, since, address }: Pick<Opening, 'messages' | 'since'> & { address: string | undefined }): Promise<Message[]> {
  const old = since === '' ? [] : messages.filter(({ at }) => at < since);
  const [first] = old.map(({ at }) => second(at)).toSorted((one, other) => one - other);
  if (first === undefined || !messenger.sentTo) return messages;
  const forgotten: number[] = [];
  for (const { sid, text, at } of await messenger.sentTo(address ?? conversation, new Date(first))) {
    const isOld = at.getTime() < Date.parse(since);
    if (isOld && !beside.test(text.trim()) && !(await ledger.isClaimed(sid))) forgotten.push(at.getTime());
  }
  const answered = new Set(old.filter(({ at }) => forgotten.some((time) => time >= second(at))).map(({ id }) => id));
  if (answered.size === 0) return messages;
  log.warn({ conversation, messages: answered.size }, 'answered before the store came back different: not answered again');
  await outbox.put([], fence, { conversation, ids: [...answered], state: 'answered' });
  return messages.filter(({ id }) => !answered.has(id));
}

/** Twilio tells times in whole seconds. */
function second(at: string): number {
  return Math.floor(Date.parse(at) / 1000) * 1000;
}
