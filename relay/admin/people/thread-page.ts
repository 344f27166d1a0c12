import type { Session } from '../../../shared/store/sessions.ts';
import { isFromPerson } from '../../../shared/store/message.ts';
import type { ThreadEntry } from '../../../shared/store/turns/thread.ts';
import { chatText } from '../frame/chat-text.ts';
import { adminEmpty } from '../frame/empty.ts';
import {
  clockWords,
  dayWords,
  dollars,
  durationWords,
  momentWords,
} from '../frame/format-measures.ts';
import { html } from '../frame/html.ts';
import type { Html } from '../frame/html.ts';
import { ago, personName, tokenField } from '../frame/layout.ts';
import type { Frame } from '../frame/layout.ts';
import { messageTitle } from '../turns/message-title.ts';
import { messageFiles, replyFile } from '../turns/shown-files.ts';
import { tag } from '../turns/turn-row.ts';
import { boxWords } from './people-page.ts';
import type { Computers } from '../../people/start-move.ts';
import type { ConversationLine } from './people.ts';

/** A conversation: its line in the list, a part of its thread, and its sessions. */
export type ThreadView = {
  line: ConversationLine;
  entries: ThreadEntry[];
  /** Where the earlier part begins (ms since 1970); undefined at the beginning. */
  before: number | undefined;
  isLatest: boolean;
  sessions: Session[];
  /** The session that the next message continues. */
  current: string | undefined;
  /** Where their files are; undefined with one computer. */
  computers: Computers | undefined;
};

/** A moment as the words of an address on the list have it. */
const isoTime = /\b\d{4}-\d\d-\d\dT[\d:.]+Z/g;

/** A conversation as both sides saw it, to read only. */
export function threadPage(view: ThreadView, frame: Frame): Html {
  const { line, entries, before, isLatest, sessions, current, computers } = view;
  const { conversation, person, todayUsd, monthUsd, wroteAt } = line;
  const path = `/admin/people/${encodeURIComponent(conversation)}`;
  const rows: [string, string | Html | undefined][] = [
    ['Number', person?.name === undefined ? undefined : conversation],
    ['Wrote', wroteAt === undefined ? undefined : ago(wroteAt, frame)],
    ['Waits', boxWords(line).join(', ') || 'nothing'],
    [
      'Cost',
      `${dollars(todayUsd, frame.isPretend)} today, ${dollars(monthUsd, frame.isPretend)} this month`,
    ],
    [
      'May write',
      person?.allowed?.replace(isoTime, (at) => momentWords(Date.parse(at), frame.zone)),
    ],
    ['Time zone', person?.timezone],
    ['Limit', person?.limit],
    ['Computer', computers?.own],
    ['Moves', person?.move],
  ];
  return html`<div class="head"><div><a class="small" href="/admin/people">People</a><h1>${personName(conversation, frame)}</h1></div><a class="small" href="/admin/turns?person=${encodeURIComponent(conversation)}">Turns of this conversation</a></div>
<section class="card" aria-label="The person"><dl>${rows.flatMap(([name, value]) => (value === undefined ? [] : [html`<dt>${name}</dt><dd>${value}</dd>`]))}</dl>${moveForm(view, path, frame)}</section>
${before !== undefined && html`<div class="actions"><a class="button" href="${path}?before=${before}">Earlier</a></div>`}
<ol class="thread" aria-label="Conversation">${withDays(entries, frame)}</ol>
${entries.length === 0 && adminEmpty('What is said here is kept for RETENTION_DAYS, from this version of Sidepocket on.')}
${!isLatest && html`<div class="actions"><a class="button" href="${path}">Latest</a></div>`}
<section class="card"><header><h2>Sessions</h2></header><ul class="rows">${sessions.map(
    ({ id, title, usedAt }) =>
      html`<li><span class="text"><bdi>${title || 'Without a title'}</bdi></span><span class="right">${id === current && tag('working', 'Goes on')}</span><span class="soft small wide">${ago(usedAt, frame)} · ${id}</span></li>`,
  )}</ul>${sessions.length === 0 && adminEmpty('Each conversation with Claude stands here. “/new” in the chat begins one, “/sessions” goes back to another.')}</section>`;
}

/** Moves the person to another computer. */
function moveForm(
  { line: { person }, computers }: ThreadView,
  path: string,
  { token, mayWrite }: Frame,
): Html | false {
  if (!mayWrite || !person || person.move !== undefined || !computers?.others.length) return false;
  const options = computers.others.map((name) => html`<option>${name}</option>`);
  return html`<form class="retry" method="post" action="${path}/move">${tokenField(token)}<label class="hidden" for="to">Another computer</label><select id="to" name="to">${options}</select><button>Move there</button></form>`;
}

function withDays(entries: ThreadEntry[], frame: Frame): Html[] {
  let last = '';
  return entries.flatMap((entry) => {
    const day = dayWords(entry.at, frame.zone);
    const isNew = day !== last;
    last = day;
    return [...(isNew ? [html`<li class="day">${day}</li>`] : []), bubble(entry, frame)];
  });
}

function bubble(entry: ThreadEntry, frame: Frame): Html {
  const time = clockWords(entry.at, frame.zone);
  if (entry.kind === 'message') {
    const { id, message, state, turn } = entry;
    const by = message && isFromPerson(message) ? 'Person' : 'Not written by the person';
    const text = message?.text
      ? html`<span class="whole" dir="auto">${message.text}</span>`
      : html`<span class="soft">${messageTitle(message)}</span>`;
    return html`<li id="${id}"><span class="hidden">${by}: </span>${message && messageFiles(message)}${text}<span class="meta"><span>${time}</span>${by !== 'Person' && html`<span>${by.toLowerCase()}</span>`}${state !== 'answered' && tag(state)}${turn !== undefined && html`<a href="/admin/turns/${encodeURIComponent(turn)}">turn</a>`}</span></li>`;
  }
  const { reply, id } = entry;
  if (!reply)
    return html`<li class="me" id="${id}"><span class="soft">A reply that is no longer kept</span><span class="meta">${time}</span></li>`;
  const { text, file, status, pacedMs, choices } = reply;
  return html`<li class="me" id="${id}"><span class="hidden">Sidepocket: </span>${file && replyFile(file)}${text && html`<span class="whole" dir="auto">${chatText(text)}</span>`}${choices && html`<span class="soft small wide">${choices.items.map(({ title }) => title).join(' · ')}</span>`}<span class="meta"><span>${time}</span>${tag(status)}${pacedMs >= 1000 && html`<span>${durationWords(pacedMs)} held back by the send rate</span>`}</span></li>`;
}
