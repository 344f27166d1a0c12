import { cut } from '../../shared/runtime/cut.ts';
import type { Reply } from '../../shared/store/reply.ts';
import { actionButton, adminPage } from './layout.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { agoWords, counted, dollars, durationWords, momentWords } from './format-measures.ts';
import type { ConversationLine, DeadTurn, Overview, VmLine } from './overview.ts';
import type { Spread } from '../metric-samples.ts';
import { spendPlot } from './spend-plot.ts';
import type { TurnLine } from './turn-line.ts';
import { tag } from './turn-page.ts';

/**
 * How to render the overview. `mayWrite` shows the buttons that change something; `said` is the
 * result of the last action; `warning` is a problem for the owner to fix.
 */
export type OverviewFrame = {
  token: string;
  mayWrite: boolean;
  /** Whether the amounts are those of a model that costs nothing. */
  isPretend: boolean;
  said: string;
  warning?: string | undefined;
};

/** The overview as a page. */
export function overviewPage(
  overview: Overview,
  { token, mayWrite, isPretend, said, warning }: OverviewFrame,
): string {
  const { now, turns, conversations, spend, monthUsd, unsettled } = overview;
  const total = spend.reduce((sum, { costUsd }) => sum + costUsd, 0);
  return adminPage(
    { title: 'Overview', path: '/admin', token },
    html`<div class="head"><h1>Overview</h1><span class="soft small">as of ${momentWords(now)} UTC, <a href="/admin">refresh</a></span></div>
${warning !== undefined && html`<section class="card" role="alert"><p class="bad">${warning}</p></section>`}
${said && html`<p class="said" role="status">${said}</p>`}
<div class="tiles">${tiles(overview, isPretend)}</div>
${ownerWords(overview)}
${deadLetters(overview, token, mayWrite)}
<section class="card"><header><h2>Spent</h2><span class="soft small">${dollars(total, isPretend)} in 30 days, ${dollars(monthUsd, isPretend)} this month${unsettled.unsettled > 0 && html`, ${counted(unsettled.unsettled, 'request')} not settled (about ${dollars(unsettled.unsettledUsd, isPretend)})`}</span></header>${spendPlot(spend, isPretend)}</section>
<div class="pair"><section class="card"><header><h2>Turns</h2><a class="small" href="/admin/queues/queue/turns">all</a></header><ul class="rows">${turns.slice(0, 12).map((turn) => turnRow(turn, now, isPretend))}</ul>${turns.length === 0 && html`<p class="soft">None yet. Send a message to begin.</p>`}</section>
<div class="stack"><section class="card"><header><h2>Conversations</h2></header><ul class="rows">${conversations.map((line) => conversationRow(line, now, isPretend))}</ul>${conversations.length === 0 && html`<p class="soft">Nobody has written yet.</p>`}${overview.unlisted > 0 && html`<p class="soft small">and about ${overview.unlisted} more</p>`}</section>
<section class="card"><header><h2>Speed</h2></header>${speed(overview)}</section>
<section class="card"><header><h2>Versions</h2></header><dl>${overview.versions.map(([name, version]) => html`<dt>${name}</dt><dd>${version}</dd>`)}</dl></section></div></div>
${mayWrite && html`<section class="card"><header><h2>Tidy up</h2></header><div class="actions">${actionButton('/admin/clean/completed', token, 'Remove turns finished over a week ago')}${actionButton('/admin/clean/failed', token, 'Forget failed turns and replies')}</div></section>`}`,
  );
}

function tiles(
  { vm, conversations, messagesWaiting: waiting, spend, answer, now }: Overview,
  isPretend: boolean,
): Html[] {
  const oldest = Math.min(...conversations.flatMap((line) => line.waitingSince ?? []));
  const today = spend.at(-1);
  return [
    tile(
      'Computer',
      html`<span class="dot ${vm.state}"></span>${vmNames[vm.state]}`,
      vmWords(vm, now),
    ),
    tile(
      'Waiting',
      html`${waiting}`,
      waiting === 0 ? 'nobody waits' : `the oldest ${agoWords(oldest, now)}`,
    ),
    tile(
      'Today',
      // A tile may be narrower than “pretend $1.27”.
      html`${dollars(today?.costUsd ?? 0, isPretend).replace('\u00A0', ' ')}`,
      counted(today?.answers ?? 0, 'answer'),
    ),
    tile(
      'Typical answer',
      html`${answer ? durationWords(answer.p50) : '–'}`,
      answer ? `95\u00a0% within ${durationWords(answer.p95)}` : 'no answer yet',
    ),
  ];
}

function tile(name: string, value: Html, about: string): Html {
  return html`<section class="card tile"><p class="soft small">${name}</p><p class="value">${value}</p><p class="soft small">${about}</p></section>`;
}

/** The names of the VM's states. */
const vmNames: Record<VmLine['state'], string> = {
  awake: 'Awake',
  waking: 'Waking',
  asleep: 'Asleep',
  away: 'Away',
};

function vmWords({ state, since, worker, nextDue }: VmLine, now: number): string {
  const due = nextDue === undefined ? '' : `, next job ${agoWords(nextDue, now)}`;
  if (state === 'awake') return `worker ${worker ?? ''}`;
  if (state === 'away') return 'no worker, and none said that it sleeps';
  return `${since === undefined ? '' : `since ${durationWords(Math.max(now - since, 1000))}`}${due}`;
}

function ownerWords({ ownerWords: words, now }: Overview): Html | false {
  return (
    words.length > 0 &&
    html`<section class="card"><header><h2 class="bad">Needs you</h2></header>
<ul class="rows">${words.map(({ text, at }) => html`<li><span class="text">${text}</span><span class="soft small">${agoWords(Date.parse(at), now)}</span></li>`)}</ul></section>`
  );
}

function deadLetters(
  { deadTurns, failedReplies, now }: Overview,
  token: string,
  mayWrite: boolean,
): Html | false {
  const count = deadTurns.reduce(
    (sum, { messages }) => sum + messages.length,
    failedReplies.length,
  );
  return (
    count > 0 &&
    html`<section class="card"><header><h2 class="bad">Needs a look</h2><span class="soft small">${counted(count, 'dead letter')}</span></header>
<ul class="rows">${deadTurns.map((dead) => deadTurnRow(dead, { now, token, mayWrite }))}${failedReplies.map((reply) => failedReplyRow(reply, now))}</ul></section>`
  );
}

function deadTurnRow(
  { turn, messages }: DeadTurn,
  { now, token, mayWrite }: { now: number; token: string; mayWrite: boolean },
): Html {
  const [first] = messages;
  const retry =
    mayWrite &&
    turn !== undefined &&
    actionButton(`/admin/turns/${encodeURIComponent(turn)}/retry`, token, 'Try again');
  const about =
    first &&
    `${counted(messages.length, 'message')} of ${first.conversation} given up, ${agoWords(Date.parse(first.at), now)}`;
  return html`<li>${titleLink(turn, first?.text ?? '')}<span class="side">${retry || tag('failed')}</span><span class="soft small">${about}</span></li>`;
}

function failedReplyRow({ turn, text, file, conversation, code, at }: Reply, now: number): Html {
  return html`<li>${titleLink(turn, text || file?.name || '')}<span class="side"><span class="tag bad">${code === undefined ? 'failed' : `code ${code}`}</span></span><span class="soft small">reply not delivered to ${conversation}, ${agoWords(Date.parse(at), now)}</span></li>`;
}

function turnRow(
  { id, text, conversation, messages, state, at, tookMs, costUsd }: TurnLine,
  now: number,
  isPretend: boolean,
): Html {
  const about = [
    agoWords(at, now),
    conversation,
    ...(messages > 1 ? [`${messages} messages`] : []),
    ...(tookMs === undefined ? [] : [durationWords(tookMs)]),
    ...(costUsd ? [dollars(costUsd, isPretend)] : []),
  ];
  return html`<li>${titleLink(id, text)}<span class="right">${tag(state)}</span><span class="soft small wide">${about.join(' · ')}</span></li>`;
}

function titleLink(turn: string | undefined, text: string): Html {
  const title = cut(text, 200) || '(no text)';
  return turn === undefined
    ? html`<span class="text">${title}</span>`
    : html`<a class="text" href="/admin/turns/${encodeURIComponent(turn)}">${title}</a>`;
}

function conversationRow(
  { number, waiting, sending, parked, waitingSince, costToday }: ConversationLine,
  now: number,
  isPretend: boolean,
): Html {
  const said = [
    ...(waiting > 0
      ? [
          `${counted(waiting, 'message')} waiting${waitingSince === undefined ? '' : `, the oldest ${agoWords(waitingSince, now)}`}`,
        ]
      : []),
    ...(sending > 0 ? [`${counted(sending, 'reply', 'replies')} on the way`] : []),
    ...(parked > 0 ? [`${counted(parked, 'reply', 'replies')} for when they write`] : []),
  ];
  return html`<li><span class="num">${number}</span><span class="right num">${costToday > 0 && html`${dollars(costToday, isPretend)} <span class="soft small">today</span>`}</span><span class="soft small wide">${said.join(' · ') || 'nothing waits'}</span></li>`;
}

function speed({ ack, answer, vm }: Overview): Html {
  const rows: [string, Spread | undefined][] = [
    ['Webhook answered in', ack],
    ['Message answered in', answer],
  ];
  const wakes = vm.wakes.slice(0, 5).map((ms) => durationWords(ms));
  return html`<dl>${rows.map(([name, spread]) => html`<dt>${name}</dt><dd>${spread ? durationWords(spread.p50) : '–'}</dd>${spread && html`<dt class="under small">95 % within, of ${spread.count}</dt><dd class="soft small">${durationWords(spread.p95)}</dd>`}`)}
<dt>Last wakes took</dt><dd>${wakes.length > 0 ? wakes.join(', ') : '–'}</dd></dl>`;
}
