import { keys, ofHome } from '../redis/keys.ts';
import type { HomeSuffix } from '../redis/keys.ts';
import { asKept } from '../message.ts';
import type { Message } from '../message.ts';
import type { Step, Turns } from '../queues.ts';
import { retentionSeconds, usualRetentionDays } from '../redis/retention.ts';
import { callOf } from '../redis/script.ts';
import type { ScriptCall } from '../redis/script.ts';
import { loadScript } from '../redis/script-file.ts';

/**
 * A claimed id is kept at least this long (days). Twilio's signature has no date, so a webhook can
 * be replayed indefinitely.
 */
const leastClaimDays = 8;

/**
 * `new`: stored and its turn added. `duplicate`: known, and answered or in progress. `stranded`:
 * known and waiting without a turn; a turn was added now. `refused`: nothing was done, since the
 * conversation's person may not write, or was not yet allowed when the message was written.
 * `no-home`: the person is new and no home is free; only the id was claimed, as refused.
 */
export type Stored = {
  outcome: 'new' | 'duplicate' | 'stranded' | 'refused' | 'no-home';
  turn: string;
};

/** How a person who writes for the first time gets a home; see `Placement` in the reference. */
export type Placement = 'shared' | 'own';

/**
 * By how much a webhook may overtake an earlier one between its arrival and its storing (ms): the
 * relay gives a request 1.7 s.
 */
const overtakingMs = 2000;

/** The last moment that a date can have (ISO 8601). */
const endOfTime = '9999-12-31T23:59:59.999Z';

/** How long the claim of an id is kept (s), where messages are kept for `retentionDays`. */
export function claimSeconds(retentionDays: number): number {
  return retentionSeconds(Math.max(retentionDays, leastClaimDays));
}

/** `elsewhere`: nothing was done, since the sender belongs to another conversation. */
export type Acceptance = Stored | { outcome: 'elsewhere'; conversation: string };

/**
 * The sender of a message: the `address` that wrote, which answers go to, and the `conversation`
 * that it presumably belongs to. `proven` are other addresses that certainly belong to the same
 * person, and become aliases. `check` is the address whose alias must not lead elsewhere. `rivals`
 * are conversations that take precedence if they exist and this one does not. `missed`: a
 * backfilled message, which may be old; it is accepted only if the person was allowed to write when
 * they wrote it.
 */
export type Sender = {
  address: string;
  conversation: string;
  proven: string[];
  rivals: string[];
  check?: string;
  missed?: true;
};

const acceptScript = loadScript(new URL('lua/accept.lua', import.meta.url), {
  keys: [
    'message',
    'inbox',
    'conversations',
    'job',
    'deduplication',
    'conversationKey',
    'aliases',
    'allowed',
  ],
  args: [
    'lifetimeSeconds',
    'conversation',
    'at',
    'entry',
    'channel',
    'messageId',
    'messagePrefix',
    'delayedTurns',
    'conversationPrefix',
    'senderJson',
    'dueScore',
    'saidLaterUntil',
    'ms',
    'keptSeconds',
    'kept',
    'home',
    'placement',
  ],
});

const clearPlaceholderScript = loadScript(new URL('lua/clear-placeholder.lua', import.meta.url), {
  keys: ['job'],
});

/**
 * Stores a message, and what it reveals about its sender if a person sent it, in one atomic trip to
 * Redis. Without a sender the outcome is never `elsewhere`. Throws when Redis did not store it:
 * then it must not be acknowledged.
 */
export type Intake = {
  (message: Message): Promise<Stored>;
  (message: Message, sender: Sender): Promise<Acceptance>;
};

/** The record of a message is kept for `retentionDays`. */
export function createIntake(
  turns: Turns,
  retentionDays: number = usualRetentionDays,
  placement: Placement = 'shared',
): Intake {
  const claimLifetime = claimSeconds(retentionDays);
  const keptSeconds = retentionSeconds(retentionDays);
  const accept = async (message: Message, sender?: Sender): Promise<Acceptance> => {
    const { id, conversation, at } = message;
    const kept = asKept(message);
    const isNow = sender !== undefined && sender.missed !== true;
    const callFor = (queue: string, home: HomeSuffix): ScriptCall =>
      callOf(acceptScript, {
        keys: {
          message: keys.message(id),
          inbox: keys.inbox(conversation),
          conversations: ofHome(keys.conversations, home),
          job: keys.job(queue, id),
          deduplication: keys.deduplication(queue, conversation),
          conversationKey: keys.conversation(conversation),
          aliases: keys.aliases,
          allowed: keys.allowed,
        },
        args: {
          lifetimeSeconds: claimLifetime,
          conversation,
          at,
          entry: JSON.stringify(message),
          kept: kept === message ? '' : JSON.stringify(kept),
          channel: ofHome(keys.arrivals, home),
          messageId: id,
          messagePrefix: keys.message(''),
          delayedTurns: keys.delayed(queue),
          conversationPrefix: keys.conversation(''),
          senderJson: sender ? JSON.stringify(sender) : '',
          dueScore: Math.min(Date.parse(at), Date.now()) * 0x1000,
          ms: Date.parse(at),
          keptSeconds,
          saidLaterUntil: isNow ? new Date(Date.parse(at) + overtakingMs).toISOString() : endOfTime,
          home,
          placement,
        },
      });
    const step: Step = {
      id,
      call: callFor,
      wantsJob: (reply) => reply === 'new',
      after: (queue) => callOf(clearPlaceholderScript, { keys: { job: keys.job(queue, id) } }),
    };
    const { reply, job } = await turns.runAndAdd(step, conversation);
    if (typeof reply === 'string' && reply.startsWith(elsewhere))
      return { outcome: 'elsewhere', conversation: reply.slice(elsewhere.length) };
    if (reply === 'stranded') return { outcome: 'stranded', turn: await turns.add(conversation) };
    if (reply === 'refused' || reply === 'no-home') return { outcome: reply, turn: '' };
    return { outcome: reply === 'new' ? 'new' : 'duplicate', turn: job };
  };
  // The script returns `elsewhere` only for a sender.
  return accept as Intake;
}

/** The prefix of the script's reply when it names another conversation. */
const elsewhere = 'elsewhere ';
