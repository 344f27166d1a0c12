import { cut } from '../../../shared/runtime/cut.ts';
import type { Reply } from '../../../shared/store/reply.ts';
import { actionButton, personLink, tokenField } from '../frame/layout.ts';
import { chatText } from '../frame/chat-text.ts';
import type { Frame } from '../frame/layout.ts';
import { html } from '../frame/html.ts';
import type { Html } from '../frame/html.ts';
import { counted, dollars, durationWords, momentWords } from '../frame/format-measures.ts';
import { messageFiles, replyFile } from './shown-files.ts';
import { messageTitle, turnTitle } from './message-title.ts';
import { personTimes } from './turn-times.ts';
import { stateTag, tag } from './turn-row.ts';
import type { TurnRecord } from '../../watch/turn-record.ts';
import { layOut, turnParts } from '../../watch/turn-view.ts';
import type { TurnLook } from '../../watch/turn-view.ts';
import type { Step, TurnStory } from './turn-story.ts';

/**
 * Everything about a turn: the page that its person may see, with ids and raw data, and what is the
 * owner's alone. Its state stands once, above its steps; its messages say theirs where they differ.
 * `frame.mayWrite` allows retrying its messages and stopping it here.
 */
export function turnPage(story: TurnStory, record: TurnRecord, frame: Frame): Html {
  const { turn, steps, replies, hasLog } = story;
  const { id, messages, failure, next } = turn;
  const isMixed = new Set(messages.map(({ state }) => state)).size > 1;
  return html`<div class="head"><div><a class="small" href="/admin/turns">Turns</a><h1><bdi>${cut(turnTitle({ messages }), 80)}</bdi></h1></div><span class="soft small about">${id}</span></div>
${failure !== undefined && turn.state === 'failed' && html`<section class="card"><header><h2 class="bad">Why it failed</h2></header><p class="whole">${failure}</p><p class="soft small">${triedWords(story)}</p></section>`}
${next !== undefined && messages.length === 0 && html`<p class="said">Its messages went on in <a href="/admin/turns/${encodeURIComponent(next)}">another turn</a>.</p>`}
${retryForm(story, frame)}
${layOut(turnParts(story, record, ownerLook(story, frame)))}
<div class="pair"><section class="card"><header><h2>Times and cost</h2></header>${facts(story, frame)}</section>
<section class="card"><header><h2>${counted(messages.length, 'message')}</h2></header><ul class="rows">${messages.map(
    ({ message, state, attempts }) =>
      html`<li><span class="whole wide" dir="auto">${message?.text || messageTitle(message)}</span>${message && messageFiles(message)}${aboutLine(isMixed ? state : undefined, [message && momentWords(Date.parse(message.at), frame.zone), attempts > 1 && `${attempts} attempts`])}</li>`,
  )}</ul></section></div>
<section class="card"><header><h2>Log</h2><span class="soft small">${counted(steps.length, 'line')}</span></header><ol class="rows">${steps.map((step, index) => stepRow(step, steps[index + 1], turn.begunAt))}</ol>${steps.length === 0 && html`<p class="soft">${hasLog ? 'No tool was used.' : 'The log of the latest 1,000 turns is kept.'}</p>`}</section>
<section class="card"><header><h2>Replies</h2><span class="soft small">${counted(replies.length, 'reply', 'replies')}</span></header><ul class="rows">${replies.map((reply) => replyRow(reply, frame))}</ul>${replies.length === 0 && html`<p class="soft">The answer will stand here.</p>`}</section>`;
}

/** How the owner sees a turn: what its person sees, with ids and raw data. */
function ownerLook({ turn }: TurnStory, frame: Frame): TurnLook {
  const { id } = turn;
  const { now, zone, isPretend, mayWrite, token } = frame;
  const path = encodeURIComponent(id);
  return {
    now,
    zone,
    isPretend,
    owner: true,
    state: stateTag(turn, frame),
    picture: (entry) => `/admin/seen/${path}/${entry}`,
    stop: mayWrite && actionButton(`/admin/turns/${path}/stop`, token, 'Stop'),
    runningTasks: new Set(),
  };
}

function triedWords({ turn: { messages } }: TurnStory): string {
  const attempts = Math.max(0, ...messages.map((message) => message.attempts));
  return attempts > 1
    ? `Tried ${attempts} times.`
    : 'Trying again by itself would not have helped.';
}

function retryForm(
  { turn: { id }, retryable }: TurnStory,
  { mayWrite, token }: Frame,
): Html | false {
  return (
    retryable.length > 0 &&
    (mayWrite
      ? html`<section class="card" aria-label="Try again"><form class="retry" method="post" action="/admin/turns/${encodeURIComponent(id)}/retry">${tokenField(token)}<label class="hidden" for="note">A note for Claude</label><input id="note" name="note" maxlength="1000" placeholder="A note for Claude (optional)"><button class="main">Try ${counted(retryable.length, 'message')} again</button></form></section>`
      : html`<p class="soft">“retry” in the chat brings ${retryable.length === 1 ? 'it' : 'them'} back. With ADMIN_WRITE=1 this page has a button for it.</p>`)
  );
}

function facts({ turn, use, worker }: TurnStory, frame: Frame): Html {
  const { conversation, begunAt, messages, dueAt } = turn;
  const { accepted, firstWord, answerSent, delivered, pacedMs } = personTimes(turn);
  const { zone, isPretend } = frame;
  const later = (time: number | undefined): string | undefined =>
    time === undefined
      ? undefined
      : `${momentWords(time, zone)} (+${durationWords(Math.max(time - accepted, 0))})`;
  const input = use.input + use.cacheWrite5m + use.cacheWrite1h + use.cacheRead;
  const attempts = Math.max(0, ...messages.map((message) => message.attempts));
  const rows: [string, string | Html | undefined][] = [
    ['With', personLink(conversation, frame)],
    ['Accepted', momentWords(accepted, zone)],
    ['Work began', later(begunAt)],
    ['First word', later(firstWord)],
    ['Answer sent', later(answerSent)],
    ['Delivered', later(delivered)],
    ['Held back by the send rate', pacedMs > 0 ? durationWords(pacedMs) : undefined],
    ['Put off until', dueAt === undefined ? undefined : momentWords(dueAt, zone)],
    ['Cost', use.costUsd > 0 ? dollars(use.costUsd, isPretend) : undefined],
    [
      'Tokens',
      input + use.output > 0
        ? `${input.toLocaleString('en')} in, ${use.output.toLocaleString('en')} out`
        : undefined,
    ],
    [
      'Not settled',
      use.unsettled > 0
        ? `${counted(use.unsettled, 'request')}, about ${dollars(use.unsettledUsd, isPretend)}`
        : undefined,
    ],
    ['Attempts', attempts > 1 ? String(attempts) : undefined],
    ['Worker', worker],
  ];
  return html`<dl>${rows.flatMap(([name, value]) => (value === undefined ? [] : [html`<dt>${name}</dt><dd>${value}</dd>`]))}</dl>`;
}

function replyRow(reply: Reply, { zone }: Frame): Html {
  const { text, file, status, attempts, code, at, sid, postedAt, deliveredAt, pacedMs } = reply;
  const since = (name: string, time: string | undefined): string | undefined =>
    time === undefined
      ? undefined
      : `${name} +${durationWords(Math.max(Date.parse(time) - Date.parse(at), 0))}`;
  const about = [
    momentWords(Date.parse(at), zone),
    since('sent', postedAt),
    since('delivered', deliveredAt),
    pacedMs > 0 && `${durationWords(pacedMs)} held back by the send rate`,
    attempts > 1 && `${attempts} attempts`,
    code !== undefined && `Twilio’s code ${code}`,
    sid,
  ];
  return html`<li><span class="whole wide" dir="auto">${text ? chatText(text) : file ? '' : 'No text'}</span>${file && replyFile(file)}${aboutLine(status, about)}</li>`;
}

/** A state with its details on one line. */
function aboutLine(state: string | undefined, parts: (string | false | undefined)[]): Html {
  return html`<span class="soft small wide about">${state && tag(state)} ${parts.filter((part) => typeof part === 'string').join(' · ')}</span>`;
}

/** A step took until the next one began. */
function stepRow(
  { at, text }: Step,
  following: Step | undefined,
  begunAt: number | undefined,
): Html {
  const began =
    at === undefined || begunAt === undefined ? '' : `+${durationWords(Math.max(at - begunAt, 0))}`;
  const took =
    at === undefined || following?.at === undefined ? '' : `, ${durationWords(following.at - at)}`;
  return html`<li><span class="whole">${stepWords(text)}</span><span class="soft small num right">${began}${took}</span></li>`;
}

/**
 * A step without the internal names of the browser's and the chat's tools, and without long paths.
 */
function stepWords(text: string): string {
  return text
    .replace(/^mcp__\w+?__/, '')
    .replace(/^(?:browser_(\w+)|send_file\b)/, (_all, name: string | undefined) =>
      name === undefined ? 'Send a file' : `Browser: ${name.replaceAll('_', ' ')}`,
    )
    .replaceAll(/(?<![^\s])\/(?:[\w.@+-]+\/){3,}(?=[\w.@+-])/g, '…/');
}
