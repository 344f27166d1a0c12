import { adminEmpty } from './frame/empty.ts';
import { counted } from './frame/format-measures.ts';
import { html } from './frame/html.ts';
import type { Html } from './frame/html.ts';
import { actionButton, ago, personName } from './frame/layout.ts';
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
<section class="card" aria-label="What needs a look">${lookRows(looks, frame)}${countLooks(looks) === 0 && adminEmpty('Nothing needs you. What fails stands here, with its reason.')}</section>`;
}

/** The rows of what needs a look, at most `most` of each kind. */
export function lookRows(
  { words: notices, dead, replies }: Looks,
  frame: Frame,
  most: number = Number.POSITIVE_INFINITY,
): Html {
  return html`<ul class="rows">${notices.slice(0, most).map((word) => wordRow(word, frame))}${dead.slice(0, most).map((one) => deadRow(one, frame))}${replies.slice(0, most).map((reply) => replyRow(reply, frame))}</ul>`;
}

function wordRow({ text, at }: OwnerWord, frame: Frame): Html {
  return html`<li><span class="whole">${text}</span><span class="soft small">${ago(Date.parse(at), frame)}</span></li>`;
}

function deadRow({ turn, at, conversation, messages, record }: DeadTurn, frame: Frame): Html {
  const title = messageTitle(messages[0]);
  const attempts = Math.max(0, ...(record?.messages.map((message) => message.attempts) ?? []));
  const about = `${counted(messages.length, 'message')} given up${attempts > 1 ? ` after ${attempts} attempts` : ''}`;
  return html`<li><a class="text" href="/admin/turns/${encodeURIComponent(turn)}"><bdi>${title}</bdi></a><span class="side">${frame.mayWrite && actionButton(`/admin/turns/${encodeURIComponent(turn)}/retry`, frame.token, 'Try again', { about: cut(title, 60) })}</span><span class="small"><span class="bad">${record?.failure === undefined ? 'failed' : reasonWords(record.failure)}</span> <span class="soft">· ${about} · ${personName(conversation, frame)} · ${ago(at, frame)}</span></span></li>`;
}

function replyRow(reply: Reply, frame: Frame): Html {
  const { turn, text, file, conversation, code, at } = reply;
  const title = cut(text || file?.name || 'A reply', 200);
  return html`<li><a class="text" href="/admin/turns/${encodeURIComponent(turn)}"><bdi>${title}</bdi></a><span class="side"><span class="tag bad">${code === undefined ? 'not delivered' : `code ${code}`}</span></span><span class="soft small">reply not delivered to ${personName(conversation, frame)} · ${ago(Date.parse(at), frame)}</span></li>`;
}
