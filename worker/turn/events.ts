import { aboutHeading } from '../../shared/delivery/about-heading.ts';
import { cut } from '../../shared/runtime/cut.ts';
import { isWorkId } from '../../shared/store/message.ts';
import { dayOf } from '../../shared/store/money/spend.ts';
import type { AgentEvent, Words } from '../agent/agent.ts';
import { messageLimit } from '../reply/chunk.ts';
import { wordsReplyId } from '../reply/say-words.ts';
import type { VoiceAnswers } from '../reply/voice-answers.ts';
import type { Screenshots } from '../tools/screenshots.ts';
import type { SentMessages } from '../tools/sent-messages.ts';
import { describeStep } from '../progress/tool-descriptions.ts';
import type { ToolEvent } from '../progress/tool-descriptions.ts';
import type { ProgressReporter } from '../progress/reporter.ts';
import type { TurnDeps } from './deps.ts';
import type { Steering, TurnWork } from './steering.ts';
import type { Suggestions } from './suggestions.ts';

/** What an event of the agent is passed to. `title` is the name for a new session. */
export type EventDeps = {
  title: string;
  steering: Steering;
  reporter: ProgressReporter;
  screenshots: Screenshots;
  /** Sends what Claude has said before its answer. */
  say: (words: Words) => Promise<void>;
  sent: SentMessages;
  voice: VoiceAnswers;
  suggestions: Suggestions;
};

/**
 * Handles the agent's events: answers go to the outbox, the session is stored, each step is written
 * to the job's log.
 */
export type TurnEvents = { onEvent(event: AgentEvent): Promise<void> };

/** The sentence that the conversation was replaced by a summary. */
function compactedWords(isAsked: boolean): string {
  const done = isAsked
    ? 'I have summed our conversation up, and go on from there.'
    : 'Our conversation had become long, so I summed its beginning up for myself.';
  return `${done} I may ask again about details.`;
}

/** The texts of an answer with a line at their end: in the last of them, if it has room. */
function withLine(texts: string[], line: string | undefined): string[] {
  if (line === undefined) return texts;
  const last = texts.at(-1) ?? '';
  const joined = `${last}\n\n${line}`;
  return last !== '' && joined.length <= messageLimit
    ? [...texts.slice(0, -1), joined]
    : [...texts, line];
}

export function createTurnEvents(
  { stores, chat }: Pick<TurnDeps, 'stores' | 'chat'>,
  { context, questions, dispatch, result, steps, record }: TurnWork,
  { title, steering, reporter, screenshots, say: sayWords, sent, voice, suggestions }: EventDeps,
): TurnEvents {
  const { inbox, outbox, conversations, sessions } = stores;
  const { job, turn, conversation, fence, log } = context;
  /** What the person asked for was done without an answer. */
  let isDone = false;
  let compactions = 0;
  const note = (text: string, doing?: string): Promise<void> =>
    inbox.note(fence, turn, conversation, {
      log: `${new Date().toISOString()} ${text}`.trimEnd(),
      ...(doing === undefined ? {} : { doing }),
    });
  /**
   * The current step in plain words, for `/status` and for a stop; undefined for steps whose effect
   * the person sees.
   */
  const wordsOf = (event: ToolEvent): string | undefined => {
    const words = describeStep(event)?.doing;
    return words === undefined ? undefined : `${words.charAt(0).toLowerCase()}${words.slice(1)}`;
  };
  const say = async (id: string, text: string): Promise<void> =>
    void (await outbox.put(
      [{ id: `${turn}.${id}`, conversation, turn, text, session: dispatch.session() ?? '' }],
      fence,
    ));

  const onSession = async (id: string): Promise<void> => {
    const wanted = dispatch.session();
    // The person may have begun another conversation since: it stays the current one.
    if (dispatch.isAboutWork()) return dispatch.goOnWith(id);
    await sessions.note(conversation, fence, { id, title: cut(title, 120), usedAt: Date.now() });
    dispatch.goOnWith(id);
    // A session that follows a refused one was announced when that was refused.
    const { follows, rewind } = dispatch.known();
    const isAnnounced = follows !== undefined || rewind !== undefined;
    if (rewind !== undefined) await conversations.write(conversation, fence, { rewind: '' });
    if (wanted !== undefined && wanted !== id && result.messages === 0 && !isAnnounced)
      await say(
        'lost',
        'I could not find our earlier conversation any more, so this is a fresh start. Your files are still here.',
      );
  };

  /** The whole text of an answer, without what was sent before it. */
  const textOf = async ({
    text,
    earlier = [],
    about = [],
  }: Extract<AgentEvent, { kind: 'answer' }>): Promise<string> => {
    const wasSaid = await Promise.all(earlier.map((words) => outbox.has(wordsReplyId(words))));
    const unsaid = earlier.filter((_, index) => !wasSaid[index]);
    const isEmpty = unsaid.length === 0 && text.trim() === '';
    const head = isEmpty ? '' : aboutHeading(about);
    return [head, ...unsaid.map((words) => words.text.trim()), text].filter(Boolean).join('\n\n');
  };

  const onAnswer = async (event: Extract<AgentEvent, { kind: 'answer' }>): Promise<void> => {
    await reporter.flush();
    // What belongs before the answer.
    await screenshots.sendUnsent(steering.wordsOf(event.prompts));
    // A turn that has sent something needs no closing words; a turn that has sent nothing must not
    // end in silence.
    const asked = [...steering.wordsOf(event.prompts), ...(event.about ?? [])].filter(Boolean);
    const written = await chat.writeAnswer(event.id, await textOf(event), asked.join(' / '));
    // Claude may have nothing to say about its work in the background.
    const isAsked = event.prompts.some((id) => !isWorkId(id));
    const texts = written.length > 0 || sent.any() || isDone || !isAsked ? written : ['Done.'];
    const replies = withLine(texts, await steps.lineNow()).map((text, index) => ({
      id: `${event.id}.${index + 1}`,
      conversation,
      turn,
      text,
      session: dispatch.session() ?? '',
    }));
    // Booked in the step that puts the answer, because an answer read from the transcript after a
    // crash has no price any more.
    const price = {
      conversation,
      answer: event.id,
      day: dayOf(Date.now(), dispatch.known().timezone),
      usage: event.usage,
    };
    if (!event.remembered && steering.isSpoken(event.prompts))
      await voice.plan(event.id, texts.join('\n\n'));
    const { left } = await outbox.put(replies, fence, {
      conversation,
      ids: [...event.prompts, ...(event.covers ?? []), ...questions.answerers()],
      answered: dispatch.answered(),
      state: 'answered',
      price,
    });
    dispatch.noteAnswered([...event.prompts, ...(event.covers ?? [])]);
    // The session has what it was to carry over, and knows what the person has taken back.
    const { follows, undone } = dispatch.known();
    const told = {
      ...(follows !== undefined && { follows: '' }),
      ...(undone !== undefined && isAsked && { undone: '' }),
    };
    if (Object.keys(told).length > 0) await conversations.write(conversation, fence, told);
    result.replies += replies.length;
    result.messages += event.prompts.length;
    // Booked usage is added at the turn's end, together with usage that led to no answer.
    if (!event.usage.isBooked) {
      result.inputTokens += event.usage.inputTokens;
      result.outputTokens += event.usage.outputTokens;
      result.costUsd += event.usage.costUsd;
    }
    voice.begin(event.id);
    steering.noteAnswer(event.prompts, left);
  };

  const onKind = async (event: AgentEvent): Promise<void> => {
    switch (event.kind) {
      case 'session':
        return await onSession(event.id);
      case 'tool':
        log.debug({ tool: event.name }, 'tool');
        await note(`${event.name} ${event.summary}`, wordsOf(event));
        job.progress = wordsOf(event) ?? job.progress;
        return;
      case 'tool-end':
        if (event.failed) await note('… failed');
        return;
      case 'compacted':
        compactions += 1;
        await say(`compacted.${job.attemptsStarted}.${compactions}`, compactedWords(event.isAsked));
        // What the person asked for is done with that.
        isDone ||= event.isAsked;
        return;
      case 'retrying':
        return await note(`the model's service is in trouble: ${event.reason}`);
      case 'words':
        await reporter.flush();
        return await sayWords(event.words);
      case 'answer':
        return await onAnswer(event);
      default:
    }
  };

  return {
    async onEvent(event) {
      reporter.note(event);
      record.note(event, questions.open()?.text);
      steps.note(event);
      screenshots.note(event);
      await onKind(event);
      suggestions.note(event);
    },
  };
}
