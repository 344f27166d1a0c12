import type { Fence } from '../store/boxes/inbox.ts';
import type { FailureOutcome, Ledger, StatusOutcome } from '../store/boxes/ledger.ts';
import type { Log } from '../runtime/log.ts';
import { SendFailure } from './messenger.ts';
import type { FoundMessage, Messenger, Outgoing } from './messenger.ts';
import type { Outbox } from '../store/boxes/outbox.ts';
import type { SendRate } from '../store/send-rate.ts';
import { longestPauseMs } from '../store/reply.ts';
import type { Reply } from '../store/reply.ts';

/**
 * When an attempt with an unknown outcome may be looked up: first after `firstMs`; only after
 * `lastMs` is its absence from Twilio's list believed and the reply sent again; after `blindMs` if
 * Twilio permanently refuses the list.
 */
export type Reconciling = { firstMs: number; lastMs: number; blindMs: number };

/**
 * Twilio's list shows a message within seconds; a request may have taken 15 s before its outcome
 * became unknown.
 */
export const reconcilingTimes: Reconciling = { firstMs: 2000, lastMs: 25_000, blindMs: 60_000 };

/**
 * How long after the note of an attempt its request may be written (ms). A request written by then
 * is complete, and in Twilio's list, before its absence is believed: a worker that was halted after
 * its note while another took over is too late and sends nothing.
 */
export function latestWriteMs({ lastMs }: Reconciling): number {
  return Math.min(10_000, lastMs * 0.8);
}

export type DeliveryDeps = {
  messenger: Messenger;
  outbox: Outbox;
  ledger: Ledger;
  sendRate: SendRate;
  log: Log;
  /** The relay's public address, for files and status callbacks. */
  publicUrl: string;
  /** The ContentSid of the template that says an answer is waiting, if configured. */
  template?: string | undefined;
  reconciling: Reconciling;
  now: () => number;
};

/**
 * The result for the outbox's head: it left the outbox (`left` is the number of remaining replies,
 * if known), or it stays and the next step is due after `waitMs`.
 */
export type DeliveryStep = { done: true; left?: number } | { done: false; waitMs: number };

/**
 * Delivers one reply. `noted` is the number of the attempt if `next-delivery.lua` has begun it
 * already.
 */
export type Deliver = (reply: Reply, fence?: Fence, noted?: number) => Promise<DeliveryStep>;

/** A reply that Twilio keeps deferring is given up after this time (ms): a day. */
const patience = 24 * 3600_000;

/**
 * Delivers one reply, one step at a time. All state is in the ledger, so a new process can resume
 * anywhere.
 */
export function createDelivery(parts: DeliveryDeps): Deliver {
  const { messenger, ledger, sendRate, reconciling, log } = parts;
  const ages = createAges();

  /** Applies a refusal. `note` writes it to the ledger. */
  const applyRefusal = async (
    reply: Reply,
    action: SendFailure['action'],
    note: () => Promise<StatusOutcome | FailureOutcome | undefined>,
  ): Promise<DeliveryStep> => {
    // The explanation comes before the note: after a crash in between the refusal comes again, and
    // the explanation is sent only once.
    if (isFinal(action, reply)) await explain(parts.outbox, ledger, reply.id, action);
    const outcome = await note();
    if (outcome === 'parked')
      await announceParked(
        parts.outbox,
        reply.conversation,
        reply.id,
        parts.template,
        new Date(parts.now()),
      );
    return outcome === 'again' ? { done: false, waitMs: 0 } : { done: true };
  };

  const refused = async (
    reply: Reply,
    attempt: number,
    failure: SendFailure,
  ): Promise<DeliveryStep> => {
    log.warn(
      {
        turn: reply.turn,
        reply: reply.id,
        code: failure.code,
        action: failure.action,
        reason: failure.message,
      },
      'a send failed',
    );
    if (failure.action === 'reconcile') return { done: false, waitMs: reconciling.firstMs };
    const action = parts.now() - Date.parse(reply.at) > patience ? 'give-up' : failure.action;
    return await applyRefusal(reply, action, () =>
      ledger.failed(reply, attempt, action, failure.code),
    );
  };

  /**
   * A refusal that Twilio's list shows: its status callback came before the store lost it, and does
   * not come again.
   */
  const refusedLater = async (
    reply: Reply,
    sid: string,
    { action, code }: NonNullable<FoundMessage['refusal']>,
  ): Promise<DeliveryStep> => {
    log.warn({ turn: reply.turn, reply: reply.id, sid, code, action }, 'a send had failed');
    return await applyRefusal(reply, action, () =>
      ledger.note(reply.id, reply.conversation, sid, 'failed', action, code),
    );
  };

  /**
   * Looks up an attempt with an unknown outcome. Returns undefined when it certainly did not
   * arrive.
   */
  const lookUp = async (reply: Reply): Promise<DeliveryStep | undefined> => {
    const attemptedAt = Date.parse(reply.attemptedAt ?? reply.at);
    // A send missing from the store may have gone out until the moment the store changed.
    const { age, isCertain } = ages.of(
      reply,
      parts.now() -
        Math.max(attemptedAt, Date.parse(reply.checked ?? reply.attemptedAt ?? reply.at)),
    );
    const since = isCertain ? attemptedAt - 30_000 : parts.now() - patience;
    if (age < reconciling.firstMs) return { done: false, waitMs: reconciling.firstMs - age };
    try {
      // Twilio's dates are whole seconds, and clocks differ a little; the claim below excludes an
      // older identical message.
      for (const { sid, refusal } of await messenger.find(
        describe(parts.publicUrl, reply),
        new Date(since),
      )) {
        // What has failed before and led to this attempt says nothing of it.
        if (sid === reply.failedSid) continue;
        if (await ledger.isClaimed(sid, reply)) continue;
        if (refusal) return await refusedLater(reply, sid, refusal);
        await ledger.accepted(reply, sid, reply.attempts);
        log.info({ turn: reply.turn, reply: reply.id, sid }, 'send confirmed by Twilio’s list');
        return { done: true };
      }
    } catch (error) {
      if (!(error instanceof SendFailure)) throw error;
      log.warn(
        { turn: reply.turn, reply: reply.id, code: error.code, reason: error.message },
        'lookup of an unclear send failed',
      );
      // An account that may not list its messages will never reveal more; a status callback would
      // have arrived by then.
      if (isFinal(error.action, reply) && age > reconciling.blindMs) return undefined;
      // While the outcome stays unknown, the reply is not sent again; after a day it is too old to
      // matter.
      if (age <= patience) return { done: false, waitMs: reconciling.lastMs };
      await ledger.failed(reply, reply.attempts, 'give-up', error.code);
      return { done: true };
    }
    return age < reconciling.lastMs ? { done: false, waitMs: reconciling.lastMs - age } : undefined;
  };

  const send = async (reply: Reply, attempt: number): Promise<DeliveryStep> => {
    const notedAt = reply.attemptedAt === undefined ? parts.now() : Date.parse(reply.attemptedAt);
    try {
      const { sid } = await messenger.send(
        describe(parts.publicUrl, reply),
        notedAt + latestWriteMs(reconciling),
      );
      const left = await ledger.accepted(reply, sid, attempt);
      log.info({ turn: reply.turn, reply: reply.id, sid }, 'sent');
      return { done: true, left };
    } catch (error) {
      if (error instanceof SendFailure) return await refused(reply, attempt, error);
      throw error;
    }
  };

  return async (reply, fence, noted) => {
    if (noted !== undefined) return await send(reply, noted);
    if (reply.status === 'posting') {
      const found = await lookUp(reply);
      if (found) return found;
    }
    const pauseMs = reply.notBefore - parts.now();
    const waitMs =
      pauseMs > 0 && pauseMs <= longestPauseMs
        ? pauseMs
        : await sendRate.reserve(reply.conversation, parts.now());
    if (waitMs > 0) return { done: false, waitMs };
    const attempt = await ledger.begin(fence, reply);
    if (attempt === undefined) return { done: true };
    // `begin` noted the address that wrote last, which is where the reply goes.
    return await send((await ledger.find(reply.id)) ?? reply, attempt);
  };
}

/**
 * How long ago attempts were made (ms). An attempt in the future was noted by a clock that was set
 * back since: then its age is how long this process has known of it, and its moment is not certain.
 */
function createAges(): {
  of(reply: Reply, age: number): { age: number; isCertain: boolean };
} {
  const knownSince = new Map<string, number>();
  return {
    of({ id, attempts }, age) {
      const attempt = `${attempts} ${id}`;
      if (age >= 0 && !knownSince.has(attempt)) return { age, isCertain: true };
      if (knownSince.size >= mostUncertain) knownSince.clear();
      const since = knownSince.get(attempt) ?? performance.now();
      knownSince.set(attempt, since);
      return { age: performance.now() - since, isCertain: false };
    },
  };
}

/** Beyond this number of attempts in the future, the ages are forgotten and start again. */
const mostUncertain = 1000;

/** Whether no further attempt will be made. */
function isFinal(action: SendFailure['action'], reply: Reply): boolean {
  if (action === 'as-text') return reply.choices === undefined || reply.asText !== undefined;
  return (
    action === 'give-up' ||
    action === 'unreachable' ||
    (action === 'once-more' && reply.repeats > 0)
  );
}

/**
 * The carrier message for a reply. Its status callback names the reply, so that a callback finds it
 * without the carrier's id.
 */
function describe(publicUrl: string, reply: Reply): Outgoing {
  return {
    to: reply.to ?? reply.conversation,
    text: reply.text,
    statusCallback: `${publicUrl}/webhook/status?${new URLSearchParams({ reply: reply.id, conversation: reply.conversation, turn: reply.turn }).toString()}`,
    ...(reply.template ? { template: reply.template } : {}),
    ...(reply.choices ? { choices: reply.choices } : {}),
    ...(reply.asText ? { asText: true } : {}),
    ...(reply.file ? { mediaUrl: `${publicUrl}/media/${reply.file.token}` } : {}),
  };
}

/**
 * Tells the person about a reply that will never arrive, if another message can still reach them.
 * Sent once per reply.
 */
export async function explain(
  outbox: Outbox,
  ledger: Ledger,
  replyId: string,
  action: SendFailure['action'],
): Promise<void> {
  if (action === 'unreachable' || replyId.endsWith('.failure')) return;
  const reply = await ledger.find(replyId);
  // A message that only announces something else needs no explanation.
  if (!reply || reply.template || reply.notice) return;
  const text = reply.file
    ? `I could not send you the file ${reply.file.name}: WhatsApp did not take it.`
    : 'One of my messages could not be delivered. Please ask me again.';
  const { attempts, attemptedAt: saidAt } = reply;
  // Before a reply that this store never sent, its explanation may have been sent, too.
  const lost = attempts === 0 && saidAt !== undefined ? { saidAt } : {};
  await outbox.put([
    {
      id: `${reply.id}.failure`,
      conversation: reply.conversation,
      turn: reply.turn,
      text,
      ...lost,
    },
  ]);
}

/**
 * Tells the person, by a template that WhatsApp allows at any time, that an answer waits for them
 * to write. Sent at most once a day. Does nothing without a template.
 */
export async function announceParked(
  outbox: Outbox,
  conversation: string,
  turn: string,
  template: string | undefined,
  now: Date,
): Promise<void> {
  if (template === undefined) return;
  await outbox.put([
    {
      id: `${conversation}.parked.${now.toISOString().slice(0, 10)}`,
      conversation,
      turn,
      text: 'An answer is waiting for you. Write anything to get it.',
      template,
    },
  ]);
}
