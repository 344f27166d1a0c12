import { cut } from '../../shared/runtime/cut.ts';
import type { Reply } from '../../shared/store/reply.ts';
import { actionButton, adminPage } from './layout.ts';
import { html } from './html.ts';
import type { Html } from './html.ts';
import { counted, dollars, durationWords, momentWords } from './format-measures.ts';
import type { TurnState } from './turn-line.ts';
import type { Step, TurnStory } from './turn-story.ts';

/** The styles of turn, message and reply states. */
const looks: Record<string, 'good' | 'bad' | 'busy'> = {
  done: 'good',
  answered: 'good',
  delivered: 'good',
  read: 'good',
  failed: 'bad',
  working: 'busy',
  waiting: 'busy',
  posting: 'busy',
  parked: 'busy',
  'put off': 'busy',
  'waiting for the person': 'busy',
};

/** A word in a coloured pill. */
export function tag(state: TurnState | Reply['status'] | string): Html {
  return html`<span class="tag ${looks[state]}">${state}</span>`;
}

/** Everything about a turn. `mayWrite` allows retrying its messages here. */
export function turnPage(
  story: TurnStory,
  {
    token,
    mayWrite,
    isPretend,
    said,
  }: { token: string; mayWrite: boolean; isPretend: boolean; said: string },
): string {
  const { id, state, messages, steps, replies, failure, retryable } = story;
  return adminPage(
    { title: 'Turn', path: '', token },
    html`<div class="head"><h1>${cut(messages[0]?.text ?? '', 80) || 'A turn'}</h1><span class="soft small">${id}</span></div>
${said && html`<p class="said" role="status">${said}</p>`}
${failure && html`<section class="card"><header><h2>Why it failed</h2></header><p class="bad whole">${failure}</p></section>`}
${mayWrite && retryable.length > 0 && html`<div class="actions">${actionButton(`/admin/turns/${encodeURIComponent(id)}/retry`, token, `Try ${counted(retryable.length, 'message')} again`, 'main')}</div>`}
<div class="pair"><section class="card"><header><h2>The turn</h2>${state && tag(state)}</header>${facts(story, isPretend)}</section>
<section class="card"><header><h2>${counted(messages.length, 'message')}</h2></header><ul class="rows">${messages.map(
      (message) =>
        html`<li><span class="whole wide">${message.text || '(no text)'}</span>${aboutLine(message.state, [momentWords(Date.parse(message.at)), message.media > 0 && counted(message.media, 'file'), message.attempts > 1 && `${message.attempts} attempts`])}</li>`,
    )}</ul></section></div>
<section class="card"><header><h2>Replies</h2><span class="soft small">${counted(replies.length, 'reply', 'replies')}</span></header><ul class="rows">${replies.map(replyRow)}</ul>${replies.length === 0 && html`<p class="soft">None yet.</p>`}</section>
<section class="card"><header><h2>Steps</h2><span class="soft small">${counted(steps.length, 'line')}</span></header><ul class="rows">${steps.map((step) => stepRow(step, story.startedAt))}</ul>${steps.length === 0 && html`<p class="soft">No tool was used.</p>`}</section>`,
  );
}

/** A row of the facts; it is left out when its value is undefined. */
type Fact = [name: string, value: string | undefined];

function facts(story: TurnStory, isPretend: boolean): Html {
  const { conversation, startedAt, attempts, worker } = story;
  const rows: Fact[] = [
    ['With', conversation],
    ...timesOf(story),
    ...costsOf(story, isPretend),
    ['Began', startedAt === undefined ? undefined : momentWords(startedAt)],
    ['Attempts', String(attempts)],
    ['Worker', worker],
  ];
  return html`<dl>${rows.flatMap(([name, value]) => (value === undefined ? [] : [html`<dt>${name}</dt><dd>${value}</dd>`]))}</dl>`;
}

function timesOf({ state, messages, addedAt, finishedAt, result }: TurnStory): Fact[] {
  const firstAt = messages[0] ? Date.parse(messages[0].at) : addedAt;
  return [
    ['First message', momentWords(firstAt)],
    [
      state === 'failed' ? 'Failed after' : 'Answered after',
      finishedAt === undefined ? undefined : durationWords(finishedAt - firstAt),
    ],
    ['Claude worked', result && durationWords(result.durationMs)],
  ];
}

function costsOf({ result, use }: TurnStory, isPretend: boolean): Fact[] {
  return [
    [
      'Cost',
      result
        ? dollars(result.costUsd, isPretend)
        : use.costUsd > 0
          ? dollars(use.costUsd, isPretend)
          : undefined,
    ],
    [
      'Tokens',
      result &&
        `${result.inputTokens.toLocaleString('en')} in, ${result.outputTokens.toLocaleString('en')} out`,
    ],
    [
      'Not settled',
      use.unsettled > 0
        ? `${counted(use.unsettled, 'request')}, about ${dollars(use.unsettledUsd, isPretend)}`
        : undefined,
    ],
  ];
}

function replyRow({ text, file, status, attempts, code, at, sid }: Reply): Html {
  const about = [
    momentWords(Date.parse(at)),
    attempts > 1 && `${attempts} attempts`,
    code !== undefined && `Twilio’s code ${code}`,
    sid,
  ];
  return html`<li><span class="whole wide">${file && html`<span class="tag">${file.name}</span> `}${text || (file ? '' : '(no text)')}</span>${aboutLine(status, about)}</li>`;
}

/** A state with its details on one line. */
function aboutLine(state: string | undefined, parts: (string | false | undefined)[]): Html {
  return html`<span class="soft small wide about">${state && tag(state)} ${parts.filter((part) => typeof part === 'string').join(' · ')}</span>`;
}

function stepRow({ at, text }: Step, startedAt: number | undefined): Html {
  const when =
    at === undefined
      ? ''
      : startedAt === undefined || at < startedAt
        ? momentWords(at)
        : `+${durationWords(at - startedAt)}`;
  return html`<li><span class="whole">${text}</span><span class="soft small num right">${when}</span></li>`;
}
