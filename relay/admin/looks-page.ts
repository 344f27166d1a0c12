import { adminEmpty } from './frame/empty.ts';
import { counted } from './frame/format-measures.ts';
import { html } from './frame/html.ts';
import type { Html } from './frame/html.ts';
import { actionButton, ago, personName, tokenField } from './frame/layout.ts';
import type { Frame } from './frame/layout.ts';
import { countLooks } from './looks.ts';
import type { DeadTurn, Looks } from './looks.ts';
import { cut } from '../../shared/runtime/cut.ts';
import type { OwnerWord } from '../../shared/store/owner.ts';
import type { Reply } from '../../shared/store/reply.ts';
import { reasonWords } from './turns/turn-row.ts';
import { messageTitle } from './turns/message-title.ts';

/** Everything that needs a person: why, what was tried, and what can be done. */
export function looksPage(looks: Looks, frame: Frame): Html {
  return html`<div class="head"><h1>Needs a look</h1><span class="soft small">${counted(countLooks(looks), 'thing')}</span></div>
<section class="card" aria-label="What needs a look"><ul class="rows">${looks.words.map((word) => wordRow(word, frame))}${looks.dead.map((one) => deadRow(one, frame, noteForm(one, frame), 'wide'))}${looks.replies.map((reply) => replyRow(reply, frame))}</ul>${countLooks(looks) === 0 && adminEmpty('Nothing needs you. What fails stands here, with its reason.')}</section>
${looks.dead.length > 0 && !frame.mayWrite && html`<p class="soft small">“retry” in the chat brings a request back. With ADMIN_WRITE=1 this page has a button for it.</p>`}`;
}

/** The rows of what needs a look, at most `most` of each kind. */
export function lookRows(
  { words: notices, dead, replies }: Looks,
  frame: Frame,
  most: number,
): Html {
  return html`<ul class="rows">${notices.slice(0, most).map((word) => wordRow(word, frame))}${dead.slice(0, most).map((one) => deadRow(one, frame, html`<span class="side">${retryButton(one, frame)}</span>`))}${replies.slice(0, most).map((reply) => replyRow(reply, frame))}</ul>`;
}

function wordRow({ text, at }: OwnerWord, frame: Frame): Html {
  return html`<li><span class="whole">${text}</span><span class="soft small">${ago(Date.parse(at), frame)}</span></li>`;
}

/** `action` is what can be done about it: beside the rest, or, with `wide`, below it. */
function deadRow(one: DeadTurn, frame: Frame, action: Html | false, width: 'wide' | '' = ''): Html {
  const { turn, at, conversation, messages, record } = one;
  const attempts = Math.max(1, ...(record?.messages.map((message) => message.attempts) ?? []));
  const about = `${counted(messages.length, 'message')} given up after ${counted(attempts, 'attempt')}`;
  return html`<li><a class="text" href="/admin/turns/${encodeURIComponent(turn)}"><bdi>${messageTitle(messages[0])}</bdi></a>${action}<span class="small ${width}"><span class="bad">${record?.failure === undefined ? 'failed' : reasonWords(record.failure)}</span> <span class="soft">· ${about} · ${personName(conversation, frame)} · ${ago(at, frame)}</span></span></li>`;
}

const retryPath = ({ turn }: DeadTurn): string => `/admin/turns/${encodeURIComponent(turn)}/retry`;

function retryButton(one: DeadTurn, { mayWrite, token }: Frame): Html | false {
  const about = cut(messageTitle(one.messages[0]), 60);
  return mayWrite && actionButton(retryPath(one), token, 'Try again', { about });
}

/** Tries again with a note for Claude. */
function noteForm(one: DeadTurn, { mayWrite, token }: Frame): Html | false {
  const about = cut(messageTitle(one.messages[0]), 60);
  const id = `note-${one.turn}`;
  return (
    mayWrite &&
    html`<form class="retry wide" method="post" action="${retryPath(one)}">${tokenField(token)}<label class="hidden" for="${id}">A note for Claude about: ${about}</label><input id="${id}" name="note" maxlength="1000" placeholder="A note for Claude (optional)"><button>Try again<span class="hidden">: ${about}</span></button></form>`
  );
}

function replyRow(reply: Reply, frame: Frame): Html {
  const { turn, text, file, conversation, code, at } = reply;
  const title = cut(text || file?.name || 'A reply', 200);
  return html`<li><a class="text" href="/admin/turns/${encodeURIComponent(turn)}"><bdi>${title}</bdi></a><span class="side"><span class="tag bad">${code === undefined ? 'not delivered' : `code ${code}`}</span></span><span class="soft small">reply not delivered to ${personName(conversation, frame)} · ${ago(Date.parse(at), frame)}</span></li>`;
}
