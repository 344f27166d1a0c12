import { ago, personName } from '../frame/layout.ts';
import type { Frame } from '../frame/layout.ts';
import { clockWords, counted, dollars, durationWords } from '../frame/format-measures.ts';
import { html } from '../frame/html.ts';
import type { Html } from '../frame/html.ts';
import type { Message } from '../../../shared/store/message.ts';
import type { Turn, TurnState, WaitingInbox } from '../../../shared/store/turns/turn-list.ts';
import { messageTitle, turnTitle } from './message-title.ts';
import { personTimes } from './turn-times.ts';

/** The states of turns, messages and replies that have a look of their own. */
const looks: Record<string, 'bad' | 'busy'> = {
  failed: 'bad',
  working: 'busy',
  'waiting for you': 'busy',
  parked: 'busy',
};

/** How a turn's state is called. */
export const stateNames: Record<TurnState, string> = {
  'waiting for you': 'Waiting for an answer',
  working: 'Working',
  waiting: 'Waiting',
  failed: 'Failed',
  'set aside': 'Set aside',
  parked: 'Parked',
  answered: 'Answered',
  unknown: 'Not known',
};

/** A word in a pill. */
export function tag(state: string, words: string = state): Html {
  return html`<span class="tag ${looks[state]}">${words}</span>`;
}

/** The state of a turn, in the words of the owner; a turn that is put off says until when. */
export function stateTag(
  { state, dueAt, conversation }: Pick<Turn, 'state' | 'dueAt' | 'conversation'>,
  frame: Frame,
): Html {
  if (state === 'waiting for you')
    return tag(state, `Waiting for ${frame.nameOf(conversation) ?? 'their answer'}`);
  if (state === 'waiting' && dueAt !== undefined && dueAt > frame.now)
    return tag(state, `Waiting until ${clockWords(dueAt, frame.zone)}`);
  return tag(state, stateNames[state]);
}

/** A turn as a row of a list; the home is named where there are several. */
export function turnRow(turn: Turn, frame: Frame, home?: string): Html {
  const { id, conversation, messages, at, costUsd, failure } = turn;
  const { firstWord, answerSent, delivered, pacedMs } = personTimes(turn);
  const after = (name: string, time: number | undefined): string[] =>
    time === undefined ? [] : [`${name} ${durationWords(Math.max(time - at, 0))}`];
  const parts = [
    ...(home === undefined ? [] : [home]),
    ...(messages.length > 1 ? [counted(messages.length, 'message')] : []),
    ...(answerSent === undefined
      ? after('first word', firstWord)
      : after(turn.state === 'failed' ? 'told' : 'sent', answerSent)),
    ...after('delivered', delivered),
    ...(pacedMs >= 1000 ? [`${durationWords(pacedMs)} by the send rate`] : []),
    ...(costUsd > 0 ? [dollars(costUsd, frame.isPretend)] : []),
  ];
  return html`<li><a class="text" href="/admin/turns/${encodeURIComponent(id)}"><bdi>${turnTitle(turn)}</bdi></a><span class="right">${stateTag(turn, frame)}</span><span class="soft small wide">${personName(conversation, frame)} · ${ago(at, frame)}${parts.map((part) => html`\u00A0· <span class="nowrap">${part}</span>`)}</span>${turn.state === 'failed' && failure !== undefined && html`<span class="bad small wide">${reasonWords(failure)}</span>`}</li>`;
}

/** Why a turn has failed, without the name of the kind of failure. */
export function reasonWords(failure: string): string {
  return failure.replace(/^[a-z-]+: /, '');
}

/** The messages that no turn has taken up yet, as rows, the newest first like the turns. */
export function waitingRows(inboxes: readonly WaitingInbox[], frame: Frame): Html[] {
  return inboxes
    .flatMap(({ messages, dueAt }) => messages.map((message) => ({ message, dueAt })))
    .toSorted((one, other) => Date.parse(other.message.at) - Date.parse(one.message.at))
    .map(({ message, dueAt }) => waitingRow(message, dueAt, frame));
}

function waitingRow(message: Message, dueAt: number | undefined, frame: Frame): Html {
  const { id, conversation, at } = message;
  const state = { state: 'waiting' as const, dueAt, conversation };
  return html`<li><a class="text" href="/admin/turns/${encodeURIComponent(id)}"><bdi>${messageTitle(message)}</bdi></a><span class="right">${stateTag(state, frame)}</span><span class="soft small wide">${personName(conversation, frame)} · ${ago(Date.parse(at), frame)}</span></li>`;
}
