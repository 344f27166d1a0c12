import { withoutHeading } from '../../shared/delivery/about-heading.ts';
import { isFromPerson } from '../../shared/store/message.ts';
import type { Message } from '../../shared/store/message.ts';
import { within } from '../../shared/runtime/timeout.ts';
import type { Messenger } from '../../shared/delivery/messenger.ts';
import type { Ledger } from '../../shared/store/boxes/ledger.ts';
import type { Snapshot, Snapshots } from '../../shared/store/boxes/snapshot.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { quoteMessages } from './format-messages.ts';
import type { Agent } from '../agent/agent.ts';
import type { MessageState } from '../agent/message-state.ts';
import { workspaceOf } from '../agent/homes/home.ts';
import type { Home } from '../agent/homes/home.ts';
import type { TurnContext } from './context.ts';

export type AnsweredBeforeDeps = {
  outbox: Outbox;
  ledger: Ledger;
  messenger: Pick<Messenger, 'receivedFrom' | 'sentTo'>;
};

/**
 * Twilio's list cannot be read, so nothing is known of a message that is older than the store. Its
 * turn waits until the list answers: nothing is worked before the look-up.
 */
export class LookUpFailure extends Error {
  override name = 'LookUpFailure';
}

/**
 * Messages other than answers: notices of the relay and progress lines. They do not indicate an
 * answer.
 */
const beside =
  /^Waking up your computer|^Your computer does not wake|(?<!\d)\d+ min(?: so far\))?$/;

/**
 * The sentences of a message that is given up. Each ends one message, so it does not answer another
 * one; before a message is given up again, its own sentence is looked up in Twilio's list.
 */
const givenUp = /^I (?:could not finish this|cannot work right now|stopped (?:this|here))\b/;

/**
 * For this long after the store has changed (ms), older messages may still arrive: Twilio's list is
 * searched for their answers.
 */
const lateMs = 15 * 60_000;

/**
 * The earliest time at which a turn's text may have been sent before, according to the store's loss
 * (ISO 8601): the time of its oldest message, or some minutes before the store changed while such a
 * message may still arrive. Twilio resends an answered message when its acknowledgement was lost
 * with the store, and the relay takes it for a new one of that moment: for a quarter of an hour
 * each answer is looked up in the list first. Undefined when nothing may have been sent.
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
 * Wraps the outbox for a turn that may have messages older than the current store: its replies may
 * have been sent before, so they are looked up in Twilio's list first. `saidAt` returns, at each
 * put, the time of the oldest message (ISO 8601), since old messages may arrive while the turn
 * runs; undefined when nothing may have been sent.
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

/** How long a new message waits for its time in Twilio's list (ms). */
const longestDatingMs = 3000;

/**
 * For a while after the store has changed, gives messages the time at which Twilio received them: a
 * webhook that Twilio sends again comes as a message of that moment, which may be right before the
 * change was noticed. They keep their times when the list cannot be read in time: every restart of
 * Redis counts as a change, and nothing that is new waits for Twilio's list.
 */
export async function dateByList(
  { messenger }: Pick<AnsweredBeforeDeps, 'messenger'>,
  { conversation, log }: Pick<TurnContext, 'conversation' | 'log'>,
  { since, conversation: { address } }: Pick<Snapshot, 'since' | 'conversation'>,
  messages: Message[],
): Promise<Message[]> {
  const isLate = since !== '' && Date.now() - Date.parse(since) < lateMs;
  if (!isLate || !messages.some(isFromPerson) || !messenger.receivedFrom) return messages;
  const earliest = new Date(Date.parse(since) - lateMs);
  const unread = (error?: unknown): ReadonlyMap<string, Date> => {
    log.warn({ err: error, conversation }, 'new messages could not be dated by Twilio’s list');
    return new Map();
  };
  const listed = messenger.receivedFrom(address ?? conversation, earliest).catch(unread);
  const times = await within(longestDatingMs, listed, unread);
  return messages.map((message) => {
    const at = times.get(message.id);
    if (at === undefined || !isFromPerson(message)) return message;
    // Twilio reports whole seconds: a message of the second of the change is taken for new.
    const isEarlier =
      message.at < since
        ? at.getTime() < second(message.at)
        : at.getTime() + 1000 <= Date.parse(since);
    return isEarlier ? { ...message, at: at.toISOString() } : message;
  });
}

/**
 * Wraps the snapshots of a turn at work, whose first messages are dated already: what comes in
 * right after the store has changed has the time that `dateByList` finds, in each snapshot. A late
 * copy of a message that was answered must not be taken up as a new one.
 */
export function dateLateCopies(
  snapshots: Snapshots,
  deps: Pick<AnsweredBeforeDeps, 'messenger'>,
  context: TurnContext,
  first: readonly Message[],
): Snapshots {
  const known = new Set(first.map(({ id }) => id));
  const times = new Map<string, string>();
  return {
    async read(...args) {
      const snapshot = await snapshots.read(...args);
      const fresh = snapshot.messages.filter(({ id }) => !known.has(id));
      const dated = await dateByList(deps, context, snapshot, fresh);
      for (const [index, { id, at }] of fresh.entries()) {
        known.add(id);
        const time = dated[index]?.at ?? at;
        if (time !== at) times.set(id, time);
      }
      if (times.size === 0) return snapshot;
      const messages = snapshot.messages.map((message) => {
        const at = times.get(message.id);
        return at === undefined ? message : { ...message, at };
      });
      return { ...snapshot, messages };
    },
  };
}

/** What a turn asks its agent's transcript with. */
export type TranscriptDeps = {
  agent: Pick<Agent, 'lookUpMessages'>;
  homeOf: (conversation: string) => Promise<Home>;
};

/**
 * What the session's transcript says of these messages, by id; nothing without a session, and
 * nothing when it cannot be read.
 */
export async function askTranscript(
  { agent, homeOf }: TranscriptDeps,
  { conversation, log }: TurnContext,
  session: string | undefined,
  messages: Message[],
): Promise<ReadonlyMap<string, MessageState>> {
  if (session === undefined || messages.length === 0) return new Map();
  try {
    const home = await homeOf(conversation);
    const place = { conversation, home, workspace: workspaceOf(home, conversation), session };
    const asked = messages.map(({ id, at }) => ({ id, at }));
    return (await agent.lookUpMessages?.(place, asked)) ?? new Map<string, MessageState>();
  } catch (error) {
    log.warn({ err: error, conversation }, 'the transcript could not be asked');
    return new Map();
  }
}

/**
 * Drops messages that were answered before the store lost the record of it: it has lost its latest
 * writes, or is a restored copy. Only messages older than the current store are looked up: a
 * message of ours to this person that is in Twilio's list and not in the ledger, sent after theirs
 * and before the store changed, counts as their answer, and the person is informed. With a session
 * the lookup is skipped: the agent's transcript knows exactly which messages are answered, and the
 * answer is looked up before it is sent. Messages with a doubt are looked up anyway: `unknown`
 * ones, since the agent does not see them again and the transcript does not know them; for them the
 * sentence of a given-up message does not count. `lost` ones are about to be given up, and their
 * session's transcript is gone with its disk: another message of that session may have been
 * answered together with them, so its answer counts although the ledger has it. Returns the
 * messages to work on. Throws LookUpFailure when the list cannot be read.
 */
export async function leaveAnswered(
  { outbox, ledger, messenger }: AnsweredBeforeDeps,
  { fence, turn, conversation, log }: TurnContext,
  {
    messages,
    since,
    conversation: { address, session },
  }: Pick<Snapshot, 'messages' | 'since' | 'conversation'>,
  doubtOf: (message: Message) => 'unknown' | 'lost' | undefined,
): Promise<Message[]> {
  const old =
    since === ''
      ? []
      : messages.filter(
          (message) =>
            message.at < since && (session === undefined || doubtOf(message) !== undefined),
        );
  const [first] = old.map(({ at }) => second(at)).toSorted((one, other) => one - other);
  if (first === undefined || !messenger.sentTo) return messages;
  const sent = await messenger
    .sentTo(address ?? conversation, new Date(first))
    .catch((error: unknown) => {
      throw new LookUpFailure('Twilio’s list cannot be read', { cause: error });
    });
  const isAnyLost = old.some((message) => doubtOf(message) === 'lost');
  const found: { time: number; isGivenUp: boolean; isKnown: boolean }[] = [];
  for (const { sid, text, at } of sent) {
    if (at.getTime() >= Date.parse(since) || beside.test(text.trim())) continue;
    const isKnown = await ledger.isClaimed(sid);
    if (isKnown && !(isAnyLost && (await ledger.findSent(sid))?.session === session)) continue;
    const isGivenUp = givenUp.test(withoutHeading(text));
    found.push({ time: at.getTime(), isGivenUp, isKnown });
  }
  const isAnswered = (message: Message): boolean => {
    const doubt = doubtOf(message);
    return found.some(
      ({ time, isGivenUp, isKnown }) =>
        time >= second(message.at) && !(isGivenUp && doubt) && (!isKnown || doubt === 'lost'),
    );
  };
  const answered = new Set(old.filter(isAnswered).map(({ id }) => id));
  if (answered.size === 0) return messages;
  log.warn(
    { conversation, messages: answered.size },
    'answered before the store changed: not answered again',
  );
  const listed = old.filter(({ id }) => answered.has(id));
  const sentences = Array.from({ length: Math.ceil(listed.length / mostUnsure) }, (_, index) => {
    const part = listed.slice(index * mostUnsure, (index + 1) * mostUnsure);
    const id = `${turn}.answered-before.${part[0]?.id}`;
    return { id, conversation, turn, text: answeredBeforeWords(part) };
  });
  await outbox.put(sentences, fence, { conversation, ids: [...answered], state: 'answered' });
  return messages.filter(({ id }) => !answered.has(id));
}

/** How many messages one sentence names: their starts have room in a message of WhatsApp's. */
const mostUnsure = 20;

/**
 * Twilio's list shows that something was sent after these messages, not that it was their answer:
 * the person knows better.
 */
export function answeredBeforeWords(messages: Message[]): string {
  return `I lost the last moments of my memory. I think I answered ${quoteMessages(messages, mostUnsure)} already. If not, text it again.`;
}

/** Twilio reports times in whole seconds. */
function second(at: string): number {
  return Math.floor(Date.parse(at) / 1000) * 1000;
}
