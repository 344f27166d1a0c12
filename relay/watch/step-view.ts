import { durationWords } from '../admin/frame/format-measures.ts';
import { html } from '../admin/frame/html.ts';
import type { Html } from '../admin/frame/html.ts';
import { cut } from '../../shared/runtime/cut.ts';
import type { Left, ShownStep, ShownPicture } from './turn-record.ts';

/** What the look of a step depends on. */
export type StepLook = {
  now: number;
  /** The owner's right: ids and the calls themselves are shown, and outputs are unfolded. */
  owner: boolean;
  /** The address of the picture in the entry with this number. */
  picture: (entry: number) => string;
};

const leftWords: Record<Left, string> = {
  memory: 'not kept: the memory for files and pages is nearly full',
  room: 'not kept: there was more than a page keeps',
};

const stateWords = { running: 'running', done: '', failed: 'failed', interrupted: 'interrupted' };

/** Signs that turn what follows them around, so that it reads as something else. */
const turning = /[\u202A-\u202E\u2066-\u2069]/g;

/** What a program or Claude has put out, with such signs written out. */
export function revealed(text: string): string {
  return text.replaceAll(turning, (sign) => `⟨U+${sign.charCodeAt(0).toString(16).toUpperCase()}⟩`);
}

/** A step with its duration and its output, and below it the steps of the helper that it has called. */
export function stepRow(step: ShownStep, id: string, look: StepLook): Html {
  const { words, raw, state, output, left, pictures, steps } = step;
  const took =
    step.endedAt === undefined
      ? html`<time data-since="${step.at}">${durationWords(Math.max(look.now - step.at, 0))}</time>`
      : html`${durationWords(Math.max(step.endedAt - step.at, 0))}`;
  const row = html`<span class="dot-mark" aria-hidden="true"></span><span class="words"><bdi>${revealed(words)}</bdi>${stateWords[state] !== '' && html` <span class="${state === 'running' ? 'hidden' : 'outcome'}">${stateWords[state]}</span>`}</span><span class="took">${took}</span>`;
  const more = [
    ...(look.owner
      ? [
          html`<p class="raw soft small"><code>${revealed(raw)}</code> <span class="num">${step.id}</span></p>`,
        ]
      : []),
    ...(output === undefined
      ? []
      : [
          html`<pre class="output" tabindex="0" role="group" aria-label="Output of: ${cut(revealed(words), 100)}" dir="auto">${revealed(output)}</pre>`,
        ]),
    ...(left ? [html`<p class="soft small">The output is ${leftWords[left]}.</p>`] : []),
  ];
  return html`<li id="${id}" class="step ${state}">${
    more.length > 0
      ? html`<details id="${id}-d"${look.owner && html` open`}><summary class="row">${row}</summary>${more}</details>`
      : html`<div class="row">${row}</div>`
  }${pictures.length > 0 && html`<p class="shots">${pictures.map((picture) => shot(picture, look))}</p>`}${steps.length > 0 && html`<ol class="steps lane" aria-label="Steps of this helper">${steps.map((inner, index) => stepRow(inner, `${id}-${index}`, look))}</ol>`}</li>`;
}

function shot({ entry, left }: ShownPicture, { picture }: StepLook): Html {
  return left
    ? html`<span class="soft small">A picture, ${leftWords[left]}.</span>`
    : html`<a href="${picture(entry)}"><img loading="lazy" src="${picture(entry)}" alt="The page at this moment"></a>`;
}
