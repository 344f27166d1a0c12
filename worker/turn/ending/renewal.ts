import { z } from 'zod';
import type { Change, Conversation, Conversations } from '../../../shared/store/conversation.ts';
import type { Message } from '../../../shared/store/message.ts';
import type { Outbox } from '../../../shared/store/boxes/outbox.ts';
import { dayOf } from '../../../shared/store/money/spend.ts';
import { parseJson } from '../../../shared/runtime/json.ts';
import type { AgentFailure } from '../../agent/agent-failure.ts';
import type { TurnContext } from '../context.ts';

/** How often in a day a conversation's session is renewed without being asked. */
export const mostRenewals = 3;

/** How many renewals are remembered, so that no message causes two. */
const mostRemembered = 30;

/** The renewals of a conversation, oldest first: the person's day, and the waiting messages. */
const Renewals = z.array(z.object({ day: z.string(), messages: z.array(z.string()) })).catch([]);

/** The session of a failed turn; `isResumed` when it had a history before the turn. */
export type FailedSession = { id: string | undefined; isResumed: boolean };

/** Sent once per message, before the answer. */
export const renewalSentence =
  "Claude's servers refused our conversation as it was, so I go on in a fresh one with what we said last. Your files are still here, and the old one stays in /sessions.";

function readRenewals({ renewals }: Conversation): z.infer<typeof Renewals> {
  return Renewals.parse(renewals === undefined ? [] : parseJson(renewals));
}

/** Whether the session was already renewed because of this message. */
export function isRenewed(conversation: Conversation, { id }: Pick<Message, 'id'>): boolean {
  return readRenewals(conversation).some(({ messages }) => messages.includes(id));
}

/**
 * Decides whether a failed turn renews its session, and returns what to store then. Only when
 * the API refuses the history, or refuses the request of a resumed session for a reason that is in
 * no table; at most once per message and a few times a day. `waiting` are the turn's unanswered
 * messages, `now` is ms since 1970.
 */
export function planRenewal(
  conversation: Conversation,
  { kind, status }: Pick<AgentFailure, 'kind' | 'status'>,
  { id, isResumed }: FailedSession,
  waiting: readonly Pick<Message, 'id'>[],
  now: number,
): Change | undefined {
  const mayBeHistory = kind === 'refused' && status === 400 && isResumed;
  if (id === undefined || (kind !== 'history' && !mayBeHistory)) return undefined;
  if (waiting.length === 0) return undefined;
  if (waiting.some((message) => isRenewed(conversation, message))) return undefined;
  const renewals = readRenewals(conversation);
  const day = dayOf(now, conversation.timezone);
  if (renewals.filter((renewal) => renewal.day === day).length >= mostRenewals) return undefined;
  const next = [...renewals, { day, messages: waiting.map((message) => message.id) }];
  return {
    session: '',
    // A fresh session that was refused before its first answer has nothing of its own to carry on.
    follows: conversation.follows ?? id,
    renewals: JSON.stringify(next.slice(-mostRemembered)),
  };
}

/**
 * Renews the session of a failed turn, if it may: says so, and lets the next run of the turn
 * start a session that follows the refused one. Returns whether it did. A crash between the two
 * steps repeats both, and the sentence has the same id then. Throws FencedError.
 */
export async function renewSession(
  { conversations, outbox }: { conversations: Conversations; outbox: Outbox },
  { conversation, turn, fence, log }: TurnContext,
  failure: AgentFailure,
  session: FailedSession,
  waiting: readonly Message[],
): Promise<boolean> {
  const known = await conversations.read(conversation);
  const change = planRenewal(known, failure, session, waiting, Date.now());
  if (change === undefined) return false;
  const id = `${waiting[0]?.id ?? turn}.renewed`;
  await outbox.put([{ id, conversation, turn, text: renewalSentence }], fence);
  await conversations.write(conversation, fence, change);
  log.warn({ conversation, session: session.id }, 'the history was refused: began a fresh session');
  return true;
}
