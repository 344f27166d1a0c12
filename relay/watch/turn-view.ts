import { chatText } from '../admin/frame/chat-text.ts';
import { clockWords, counted, dollars, durationWords } from '../admin/frame/format-measures.ts';
import { html } from '../admin/frame/html.ts';
import type { Html } from '../admin/frame/html.ts';
import { messageTitle } from '../admin/turns/message-title.ts';
import { stateNames, tag } from '../admin/turns/turn-row.ts';
import type { TurnStory } from '../admin/turns/turn-story.ts';
import { isRequest } from '../../shared/store/message.ts';
import type { Reply } from '../../shared/store/reply.ts';
import { revealed, stepRow } from './step-view.ts';
import type { StepLook } from './step-view.ts';
import type { ShownTask, ShownWait, TurnRecord } from './turn-record.ts';

/**
 * How a turn's page is written, and for whom: the person of the turn, or the owner, for whom ids
 * and raw data are unfolded as well. `zone` is their time zone (IANA name), `now` is ms since 1970.
 */
export type TurnLook = StepLook & {
  zone: string;
  isPretend: boolean;
  /** The turn's state in the words of the owner's lists; without it, in those of its person. */
  state?: Html;
  /** What stands where a turn at work can be stopped. */
  stop: Html | false;
  /** Tasks in the background that still run, by id. */
  runningTasks: ReadonlySet<string>;
};

/**
 * A piece of the page that is replaced when it changes. `id` is that of its element; `into` is the
 * list that a new one is added to. `touched`, of a step, is how many entries the record had when it
 * last changed; the others may change at any time.
 */
export type Part = { id: string; into?: string; touched?: number; html: () => Html };

/** The id of the list of steps. */
export const stepList = 'w-steps';

/** Whether a turn goes on, or may. */
export function isUnderWay({ turn: { state } }: Pick<TurnStory, 'turn'>): boolean {
  return state === 'working' || state === 'waiting for you' || state === 'waiting';
}

/** The pieces of a turn's page, in order. */
export function turnParts(story: TurnStory, record: TurnRecord, look: TurnLook): Part[] {
  return [
    { id: 'w-now', html: () => nowPart(story, record, look) },
    { id: 'w-question', html: () => questionPart(story, look) },
    { id: 'w-asked', html: () => askedPart(story, look) },
    ...record.items.map((item, index): Part => {
      const id = `w-${index}`;
      return {
        id,
        into: stepList,
        touched: item.touched,
        html: () => (item.kind === 'step' ? stepRow(item, id, look) : waitRow(item, id, look)),
      };
    }),
    { id: 'w-more', html: () => morePart(story, record) },
    { id: 'w-tasks', html: () => tasksPart(story, record, look) },
    { id: 'w-replies', html: () => repliesPart(story, look) },
  ];
}

/** The pieces in their places: the steps in their list. */
export function layOut(parts: Part[]): Html {
  const steps = parts.filter(({ into }) => into === stepList);
  const others = (ids: string[]): Html[] =>
    ids.flatMap((id) => parts.find((part) => part.id === id)?.html() ?? []);
  return html`${others(['w-now', 'w-question', 'w-asked'])}<section class="card"><h2>Step by step</h2><ol class="steps" id="${stepList}">${steps.map((part) => part.html())}</ol>${others(['w-more'])}</section>${others(['w-tasks', 'w-replies'])}`;
}

/** How long a turn has worked, in words that the page's script keeps current while it goes on. */
function nowPart(story: TurnStory, record: TurnRecord, look: TurnLook): Html {
  const { turn, use } = story;
  const { begunAt = turn.at, settledAt } = turn;
  const goesOn = isUnderWay(story);
  const isBusy = turn.state === 'working';
  const current = isBusy ? currentStep(record) : undefined;
  const costUsd = use.costUsd + use.unsettledUsd;
  const end = settledAt ?? lastMoment(record) ?? begunAt;
  const time = goesOn
    ? html`<time data-since="${begunAt}">${durationWords(Math.max(look.now - begunAt, 0))}</time>`
    : html`${durationWords(Math.max(end - begunAt, 0))}`;
  const steps = countSteps(record);
  const isStopped =
    turn.state === 'answered' &&
    record.runs > 0 &&
    story.replies.some(({ id }) => id.endsWith('.stopped'));
  const facts = [
    time,
    ...(steps > 0 ? [html`${counted(steps, 'step')}`] : []),
    ...(costUsd > 0 ? [html`${dollars(costUsd, look.isPretend)}${goesOn && ' so far'}`] : []),
    html`began ${clockWords(begunAt, look.zone)}`,
  ];
  return html`<section id="w-now" class="card now-card"><div><p class="facts">${look.state ?? tag(turn.state, isStopped ? 'Stopped' : stateNames[turn.state])} <span class="soft">${facts.map((fact, index) => html`<span class="nowrap">${fact}${index < facts.length - 1 && ' ·'}</span> `)}</span></p>${current !== undefined && html`<p class="current" role="status"><bdi>${revealed(current)}</bdi></p>`}</div>${goesOn && look.stop}</section>`;
}

/** What runs at the moment: the last of the running steps. */
function currentStep({ items }: TurnRecord): string {
  const running = items.findLast((item) => item.kind === 'step' && item.state === 'running');
  if (running?.kind !== 'step') return 'Thinking';
  return running.steps.findLast(({ state }) => state === 'running')?.words ?? running.words;
}

function countSteps({ items }: TurnRecord): number {
  return items.reduce((sum, item) => sum + (item.kind === 'step' ? 1 + item.steps.length : 0), 0);
}

function lastMoment({ items }: TurnRecord): number | undefined {
  const times = items.flatMap((item) =>
    item.kind === 'step' ? (item.endedAt ?? item.at) : (item.until ?? item.at),
  );
  return times.length > 0 ? Math.max(...times.slice(-50)) : undefined;
}

function questionPart({ question }: TurnStory, { owner }: TurnLook): Html {
  if (question === undefined) return html`<section id="w-question" hidden></section>`;
  return html`<section id="w-question" class="card asks"><h2>${owner ? 'Claude asks' : 'I am waiting for you'}</h2><p class="whole" dir="auto">${chatText(revealed(question))}</p><p class="soft small">${owner ? 'The answer is given in the chat.' : 'Answer in the chat.'}</p></section>`;
}

function askedPart({ turn: { messages } }: TurnStory, { zone, owner }: TurnLook): Html {
  // The owner's page has all messages, with their files.
  const shown = owner ? [] : messages.filter(({ message }) => !message || isRequest(message));
  // A turn of commands alone has no request.
  if (shown.length === 0) return html`<section id="w-asked" hidden></section>`;
  return html`<section id="w-asked" class="card"><h2>${shown.length > 1 ? 'What you asked' : 'You asked'}</h2><ul class="said-list">${shown.map(
    ({ message }) =>
      html`<li><p class="whole" dir="auto">${message?.text || messageTitle(message)}</p>${message && html`<p class="soft small">${clockWords(Date.parse(message.at), zone)}${message.media.length > 0 && `, with ${counted(message.media.length, 'file')}`}</p>`}</li>`,
  )}</ul></section>`;
}

function waitRow({ text, at, until }: ShownWait, id: string, { now, owner }: TurnLook): Html {
  const time =
    until === undefined
      ? html`<time data-since="${at}">${durationWords(Math.max(now - at, 0))}</time>`
      : html`${durationWords(Math.max(until - at, 0))}`;
  return html`<li id="${id}" class="step wait${until === undefined && ' running'}"><div class="row"><span class="dot-mark" aria-hidden="true"></span><span class="words">${owner ? 'Asked' : 'Asked you'}: <bdi>${revealed(text.split('\n', 1)[0] ?? '')}</bdi></span><span class="took">${time}</span></div></li>`;
}

function morePart(story: TurnStory, { items, isFull }: TurnRecord): Html {
  const words = isFull
    ? 'More was done than this page keeps.'
    : items.length > 0
      ? ''
      : isUnderWay(story)
        ? 'Each step appears here as it happens.'
        : 'There are no steps to show.';
  return words === ''
    ? html`<p id="w-more" hidden></p>`
    : html`<p id="w-more" class="soft small">${words}</p>`;
}

function tasksPart(story: TurnStory, { tasks }: TurnRecord, { now, runningTasks }: TurnLook): Html {
  if (tasks.length === 0) return html`<section id="w-tasks" hidden></section>`;
  const row = ({ id, words, isHelper, at, endedAt }: ShownTask): Html => {
    const runs = endedAt === undefined && (isUnderWay(story) || runningTasks.has(id));
    const time =
      endedAt === undefined
        ? runs
          ? html`<time data-since="${at}">${durationWords(Math.max(now - at, 0))}</time>`
          : html`ended`
        : html`${durationWords(Math.max(endedAt - at, 0))}`;
    return html`<li class="step ${runs ? 'running' : 'done'}"><div class="row"><span class="dot-mark" aria-hidden="true"></span><span class="words"><span class="soft small">${isHelper ? 'Helper' : 'Command'}</span> <bdi>${revealed(words)}</bdi></span><span class="took">${time}</span></div></li>`;
  };
  return html`<section id="w-tasks" class="card"><h2>In the background</h2><ol class="steps">${tasks.map(row)}</ol></section>`;
}

/** The replies that the timeline does not tell of: no questions, lines about progress, and answers to commands. */
function isAnswer({ id, status, choices }: Reply): boolean {
  const isTold = /\.(?:command|progress|stop-asked)\.\d+(?:\.\d+)?$/.test(id);
  return status !== 'withdrawn' && !isTold && (choices === undefined || choices.told === true);
}

function repliesPart(story: TurnStory, { zone, owner }: TurnLook): Html {
  // The owner's page has all replies, with their ids and their way to the person.
  const replies = owner ? [] : story.replies.filter(isAnswer);
  if (replies.length === 0) return html`<section id="w-replies" hidden></section>`;
  return html`<section id="w-replies" class="card"><h2>What I wrote</h2><ul class="said-list">${replies.map(
    ({ text, file, at }) =>
      html`<li>${text && html`<p class="whole" dir="auto">${chatText(text)}</p>`}${file && html`<p><span class="tag"><bdi>${revealed(file.name)}</bdi></span></p>`}<p class="soft small">${clockWords(Date.parse(at), zone)}</p></li>`,
  )}</ul></section>`;
}
