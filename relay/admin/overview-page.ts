import { adminEmpty } from './frame/empty.ts';
import { counted, dollars, durationWords } from './frame/format-measures.ts';
import { html } from './frame/html.ts';
import type { Html } from './frame/html.ts';
import { actionButton, ago, personLink } from './frame/layout.ts';
import type { Frame } from './frame/layout.ts';
import { countLooks } from './looks.ts';
import { lookRows } from './looks-page.ts';
import { spendPlot } from './money/plot.ts';
import type { Overview, VmLine } from './overview.ts';
import type { Spread } from '../metric-samples.ts';
import { turnRow, waitingRows } from './turns/turn-row.ts';

/** How many turns, and how many things that need a look, the overview shows. */
const [mostTurns, mostLooks, mostPeople] = [8, 3, 3];

/** The overview; `warning` is a problem of the dashboard's own for the owner to fix. */
export function overviewPage(overview: Overview, frame: Frame, warning: string | undefined): Html {
  const { turns, waiting, spend, looks, versions } = overview;
  const { isPretend, mayWrite, token } = frame;
  const fresh = waitingRows(waiting, frame);
  const rows = [...fresh, ...turns.map((turn) => turnRow(turn, frame))].slice(0, mostTurns);
  const total = spend.days.reduce((sum, { costUsd }) => sum + costUsd, 0);
  return html`<h1 class="hidden">Overview</h1>
${warning !== undefined && html`<section class="card" role="alert"><p class="bad">${warning}</p></section>`}
<section class="card" aria-label="Now"><ul class="now tiles">${nowRows(overview, frame)}</ul></section>
${homeCard(overview, frame)}
<section class="card"><header><h2>Last turns</h2><a class="small" href="/admin/turns">All turns</a></header><ul class="rows">${rows}</ul>${rows.length === 0 && adminEmpty('None yet. Send a message to begin.')}</section>
${countLooks(looks) > 0 && html`<section class="card"><header><h2 class="bad">Needs a look</h2><a class="small" href="/admin/look">${countLooks(looks) > mostLooks ? `All ${countLooks(looks)}` : 'Open'}</a></header>${lookRows(looks, frame, mostLooks)}</section>`}
<div class="pair"><section class="card"><header><h2>Spent</h2><a class="small" href="/admin/money">${dollars(total, isPretend)} in 30 days</a></header>${spendPlot(spend.days, isPretend)}</section>
<div class="stack"><section class="card"><header><h2>Speed</h2></header>${speed(overview)}</section>
<section class="card"><header><h2>Versions</h2></header><dl>${versions.map(([name, version]) => html`<dt>${name}</dt><dd>${version}</dd>`)}</dl></section></div></div>
${mayWrite && html`<section class="card"><header><h2>Tidy up</h2></header><div class="actions">${actionButton('/admin/clean/completed', token, 'Remove jobs finished over a week ago')}${actionButton('/admin/clean/failed', token, 'Forget failed jobs and replies')}</div></section>`}`;
}

/** The state of everything in four rows. */
function nowRows(overview: Overview, frame: Frame): Html[] {
  const { vm, looks, spend } = overview;
  const today = spend.days.at(-1)?.costUsd ?? 0;
  const count = countLooks(looks);
  return [
    row(
      'Computer',
      html`<span class="dot ${vm.state}"></span>${vmNames[vm.state]}`,
      vmWords(vm, frame),
    ),
    waitingRowOfNow(overview, frame),
    row(
      'Needs a look',
      count === 0
        ? html`Nothing`
        : html`<a class="bad" href="/admin/look">${counted(count, 'thing')}</a>`,
      count === 0 ? 'all went well' : looksWords(overview),
    ),
    row(
      'Today',
      html`<a href="/admin/money">${dollars(today, frame.isPretend)}</a>`,
      `${dollars(spend.monthUsd, frame.isPretend)} this month, ${dollars(spend.projectedUsd, frame.isPretend)} at this rate`,
    ),
  ];
}

function row(name: string, value: Html, about: Html | string): Html {
  return html`<li><span class="soft name">${name}</span><span class="value">${value}</span><span class="soft small">${about}</span></li>`;
}

/** What waits for whom: messages that wait for the computer, and people who are asked something. */
function waitingRowOfNow({ open, waiting }: Overview, frame: Frame): Html {
  const untaken = waiting.reduce((sum, { messages }) => sum + messages.length, 0);
  const idle = open.filter(({ state }) => state === 'waiting');
  const working = open.filter(({ state }) => state === 'working').length;
  const asking = open.filter(({ state }) => state === 'waiting for you');
  const count = untaken + idle.reduce((sum, { messages }) => sum + messages.length, 0);
  const oldest = Math.min(
    ...waiting.flatMap(({ messages }) => messages.map(({ at }) => Date.parse(at))),
    ...idle.map(({ at }) => at),
  );
  const people = [...new Set([...waiting, ...idle].map(({ conversation }) => conversation))];
  const words: Html[] = [
    ...(count > 0 ? [html`the oldest ${ago(oldest, frame)}, of ${list(people, frame)}`] : []),
    ...(working > 0 ? [html`${counted(working, 'turn')} working`] : []),
    ...(asking.length > 0
      ? [
          html`asks ${list(
            asking.map(({ conversation }) => conversation),
            frame,
          )}`,
        ]
      : []),
  ];
  const about =
    words.length === 0
      ? html`no message waits`
      : html`${words.map((word, index) => html`${index > 0 && ' · '}${word}`)}`;
  return row('Waiting', html`${count === 0 ? 'Nothing' : counted(count, 'message')}`, about);
}

/** The first people of a list. */
function list(conversations: string[], frame: Frame): Html {
  const shown = conversations.slice(0, mostPeople);
  const rest = conversations.length - shown.length;
  return html`${shown.map((conversation, index) => html`${index > 0 && ', '}${personLink(conversation, frame)}`)}${rest > 0 && ` and ${rest} more`}`;
}

function looksWords({ looks: { words, dead, replies } }: Overview): string {
  return [
    ...(words.length > 0 ? [counted(words.length, 'notice')] : []),
    ...(dead.length > 0 ? [`${counted(dead.length, 'turn')} given up`] : []),
    ...(replies.length > 0 ? [`${counted(replies.length, 'reply', 'replies')} not delivered`] : []),
  ].join(', ');
}

/** The names of the VM's states. */
const vmNames: Record<VmLine['state'], string> = {
  awake: 'Awake',
  waking: 'Waking',
  asleep: 'Asleep',
  away: 'Away',
};

function vmWords({ state, since, worker, nextDue }: VmLine, frame: Frame): Html {
  const { now } = frame;
  if (state === 'awake') return html`worker ${worker ?? ''}`;
  if (state === 'away') return html`it stopped without falling asleep, or never began`;
  const due = nextDue !== undefined && nextDue >= now && html`, next job ${ago(nextDue, frame)}`;
  return html`${since !== undefined && html`since <time data-since="${since}">${durationWords(Math.max(now - since, 1000))}</time>`}${due}`;
}

/** The computers, where there are several. */
function homeCard({ homes }: Overview, frame: Frame): Html | false {
  const peopleWords = (people: number, takes: number | undefined): string =>
    takes === undefined ? counted(people, 'person', 'people') : `${people} of ${takes} people`;
  return (
    homes.length > 0 &&
    html`<section class="card"><header><h2>Computers</h2></header>
<ul class="rows">${homes.map(({ name, people, takes, vm }) => html`<li><span class="text">${name}</span><span class="side"><span class="dot ${vm.state}"></span>${vmNames[vm.state]}</span><span class="soft small">${peopleWords(people, takes)}, ${vmWords(vm, frame)}</span></li>`)}</ul></section>`
  );
}

function speed({ ack, answer, vm }: Overview): Html {
  const rows: [string, Spread | undefined][] = [
    ['Webhook answered in', ack],
    ['Answer sent in', answer],
  ];
  const wakes = vm.wakes.slice(0, 5).map((ms) => durationWords(ms));
  return html`<dl>${rows.map(([name, spread]) => html`<dt>${name}</dt><dd>${spread ? `${durationWords(spread.p50)}, 95\u00A0% within ${durationWords(spread.p95)}` : '–'}</dd>`)}
<dt>Last wakes took</dt><dd>${wakes.length > 0 ? wakes.join(', ') : '–'}</dd></dl>`;
}
