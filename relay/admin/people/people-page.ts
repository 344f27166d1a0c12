import { adminEmpty } from '../frame/empty.ts';
import { counted, dollars } from '../frame/format-measures.ts';
import { html } from '../frame/html.ts';
import type { Html } from '../frame/html.ts';
import { ago, personName } from '../frame/layout.ts';
import type { Frame } from '../frame/layout.ts';
import type { ConversationLine } from './people.ts';

/** The people who have written, each with what waits and what they cost. */
export function peoplePage(lines: ConversationLine[], frame: Frame): Html {
  return html`<div class="head"><h1>People</h1><span class="soft small">${counted(lines.length, 'conversation')}</span></div>
<section class="card" aria-label="Conversations"><ul class="rows">${lines.map((line) => row(line, frame))}</ul>${lines.length === 0 && adminEmpty('Each person who writes stands here, with their conversation. Send a message from your phone to begin.')}</section>`;
}

/** What waits in a conversation, in words. */
export function boxWords({
  waiting,
  sending,
  parked,
}: Pick<ConversationLine, 'waiting' | 'sending' | 'parked'>): string[] {
  return [
    ...(waiting > 0 ? [`${counted(waiting, 'message')} not answered`] : []),
    ...(sending > 0 ? [`${counted(sending, 'reply', 'replies')} on the way`] : []),
    ...(parked > 0 ? [`${counted(parked, 'reply', 'replies')} parked until they write`] : []),
  ];
}

function row(line: ConversationLine, frame: Frame): Html {
  const { conversation, wroteAt, monthUsd, person } = line;
  const words = boxWords(line);
  return html`<li><a class="text" href="/admin/people/${encodeURIComponent(conversation)}">${personName(conversation, frame)}</a><span class="right num">${monthUsd > 0 && html`${dollars(monthUsd, frame.isPretend)} <span class="soft small">this month</span>`}</span><span class="soft small wide">${person?.name !== undefined && html`<span class="num">${conversation}</span> · `}${wroteAt === undefined ? 'has not written lately' : html`wrote ${ago(wroteAt, frame)}`} · ${words.join(' · ') || 'nothing waits'}</span></li>`;
}
