import { callsTool, text, type Answer } from '../answer.ts';
import type { ConversationView, PersonText } from '../conversation-view.ts';
import { endedWorkMark } from '../person-text.ts';
import { background, backgroundEnd } from './background.ts';
import { command } from './command.ts';
import { failure } from './failure.ts';
import { hello } from './hello.ts';
import { longAnswer } from './long-answer.ts';
import { plan } from './plan.ts';
import { question } from './question.ts';
import { receivedMedia, receivedWords } from './received-media.ts';
import { say, wordsToSay } from './say.ts';
import { schedule } from './schedule.ts';
import { screenshot } from './screenshot.ts';
import type { Story } from './story.ts';
import { work } from './work.ts';
import { writeFile } from './write-file.ts';

/** The standard stories; the first that matches a text tells the turn. */
export const stories: readonly Story[] = [
  say,
  schedule,
  plan,
  background,
  backgroundEnd,
  command,
  question,
  failure,
  work,
  screenshot,
  writeFile,
  longAnswer,
];

const scriptedNote = '_(I am a scripted model: no API key is in use.)_';
const continuePattern = /\b(?:continue|carry on|go on|pick up|resume)\b/i;

/**
 * The next answer of the model: the story of the last text that opened the turn, and at the end a
 * sentence on every other text.
 * @param own stories that take precedence over the standard ones
 * @param quiet leaves out the note that the first answer of a session carries
 */
export function tellStory(
  whole: ConversationView,
  { own = [], quiet = false }: { own?: readonly Story[]; quiet?: boolean } = {},
): Answer {
  const view = withoutNotices(whole);
  const opening = Math.max(
    0,
    view.texts.findLastIndex(({ steering }) => !steering),
  );
  const before = view.texts.slice(0, opening);
  const { story, asked } = chooseStory(view, before, view.texts[opening]?.text ?? '', [
    ...own,
    ...stories,
  ]);
  const answer = story.next(view, asked);
  if (callsTool(answer) || answer.some(({ type }) => type === 'stop')) return answer;
  const words = answer.map((block) => (block.type === 'text' ? block.text : '')).join('');
  const spoken = [
    ...before
      // Claude Code has answered its own commands.
      .filter(({ text: said }) => said !== asked && !/^\/[\w:-]+(?:\s|$)/.test(said))
      .map(acknowledge),
    words,
    ...view.texts.slice(opening + 1).map(acknowledge),
  ];
  const all = spoken.join(view.texts.every(({ text }) => say.matches(text)) ? '\n' : '\n\n');
  const known = quiet || view.answersBefore > 0 || story === hello;
  return text(known ? all : `${all}\n\n${scriptedNote}`);
}

/**
 * The story for a text, and the text that it answers: a text that only asks to continue stands for
 * the interrupted text.
 */
function chooseStory(
  view: ConversationView,
  before: PersonText[],
  asked: string,
  known: readonly Story[],
): { story: Story; asked: string } {
  const found = known.find((story) => story.matches(asked));
  if (found) return { story: found, asked };
  // What was cut off more than once has texts in between that only asked to go on. What had no
  // answer at all, because the service failed, is still in this turn.
  for (const earlier of continuePattern.test(asked)
    ? [...view.unfinished, ...before.map(({ text }) => text)].toReversed()
    : []) {
    const cutOff = known.find((story) => story.matches(earlier));
    if (cutOff) return { story: cutOff, asked: earlier };
  }
  const { images, documents } = view.media;
  const hasMedia = images + documents + view.received.length > 0 || receivedMedia.matches(asked);
  return { story: hasMedia ? receivedMedia : hello, asked };
}

/** The sentence of the answer about a text that did not choose the story. */
function acknowledge({ text }: PersonText): string {
  return wordsToSay(text) ?? receivedWords(text) ?? `You also said: “${text}”`;
}

/** Claude Code's own words: a notice, or a summary in place of what was said before. */
const notOfThePerson = [
  endedWorkMark,
  'This session is being continued from a previous conversation',
];

/** The view without Claude Code's own words, unless the turn is about nothing else. */
function withoutNotices(view: ConversationView): ConversationView {
  const texts = view.texts.filter(
    ({ text: said }) => !notOfThePerson.some((beginning) => said.startsWith(beginning)),
  );
  return texts.length > 0 ? { ...view, texts } : view;
}
