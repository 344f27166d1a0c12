import type { Conversation } from '../../shared/store/conversation.ts';
import type { Message } from '../../shared/store/message.ts';
import type { TurnResult } from '../../shared/store/queues.ts';
import type { ChatTools, SayTools, SendTools } from '../agent/agent.ts';
import { readEffort } from '../agent/agent.ts';
import { createAlongside } from '../background/describe.ts';
import { createAlwaysAllowed } from '../questions/always-allowed.ts';
import { createAskTools } from '../questions/tools.ts';
import type { AwaitingAnswer } from '../questions/answer-wait.ts';
import { createBudget } from '../questions/budget.ts';
import { createChatTools } from '../tools/chat-tools.ts';
import { permissionsOf } from '../commands/setting-commands.ts';
import type { Dispatch } from './dispatch.ts';
import { createProgress } from '../progress/progress.ts';
import { createSteering } from './steering.ts';
import type { Questions } from '../questions/questions.ts';
import { createScheduleTools } from '../schedules/tools.ts';
import { createScreenshots } from '../tools/screenshots.ts';
import { createSendQuota } from '../tools/send-quota.ts';
import type { SendQuota } from '../tools/send-quota.ts';
import { createSteps, stepTimes } from '../progress/verbose.ts';
import { withoutPrefix } from './format-messages.ts';
import { createCancelWatch } from './stop.ts';
import { gateTools } from '../tools/tool-gate.ts';
import { createVoiceAnswers } from '../reply/voice-answers.ts';
import { createSayWords } from '../reply/say-words.ts';
import { startProgressReporter } from '../progress/reporter.ts';
import type { ProgressReporter } from '../progress/reporter.ts';
import type { TurnContext } from './context.ts';
import type { TurnDeps } from './deps.ts';
import { createTurnEvents } from './events.ts';
import { createWatchdog } from './watchdog.ts';
import { createWorkspaceTrust } from '../questions/workspace-trust.ts';
import { createSuggestions } from './suggestions.ts';
import { watchWindow } from './window.ts';
import { workspaceOf } from '../workspace.ts';

/**
 * A turn with work for Claude: `first` are its first messages, and `result` is filled while it
 * works.
 */
export type TurnWork = {
  context: TurnContext;
  questions: Questions;
  dispatch: Dispatch;
  first: Message[];
  result: TurnResult;
  /**
   * Receives the functions that make the turn read its inbox, and that release it while it asks.
   */
  onListening: (told: { heard: () => void; letGo: (reason: AwaitingAnswer) => boolean }) => void;
};

export function emptyResult(): TurnResult {
  return { messages: 0, replies: 0, durationMs: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };
}

/**
 * Passes Claude the messages, including those that come in while it works, until everything is
 * answered. Returns the number of messages left in the inbox, undefined when unknown. Throws the
 * error that ended it early: a StopRequest, an AgentFailure, FencedError, or the signal's reason.
 */
export async function workTurn(
  deps: TurnDeps,
  { context, questions, dispatch, first, result, onListening }: TurnWork,
): Promise<number | undefined> {
  const { stores, media, chat, settings } = deps;
  const { conversation, turn, log } = context;
  const workspace = workspaceOf(settings.dataDir, conversation);
  const stop = createCancelWatch(
    stores.inbox,
    conversation,
    () => questions.open() !== undefined,
    log,
  );
  const trouble = new AbortController();
  const end = (error: unknown): void => trouble.abort(error);
  const watchdog = createWatchdog(
    settings.times.silence,
    AbortSignal.any([context.signal, stop.signal, trouble.signal]),
    questions.isWaiting,
  );
  const { signal } = watchdog;
  const feed = createSteering(deps, {
    context,
    questions,
    dispatch,
    workspace,
    result,
    signal,
    onTrouble: end,
  });
  const heard = (): void => {
    stop.look();
    feed.lookAgain();
  };
  onListening({
    heard,
    letGo(reason) {
      // The asking call is itself a running tool; others running beside it must not be lost.
      if (watchdog.running() > 1) return false;
      end(reason);
      return true;
    },
  });
  const typing = chat.typing.keep(conversation, () =>
    questions.isWaiting() || signal.aborted ? undefined : feed.newest(),
  );
  let reporter: ProgressReporter | undefined;
  let window: ReturnType<typeof watchWindow> | undefined;
  // While the first messages' files are fetched and transcribed, only a stop is handled; other
  // messages are read afterwards.
  let hasMissed = false;
  let endListening = context.subscription.tell(() => {
    hasMissed = true;
    stop.look();
  }, dispatch.hasSeen);
  // Scans the workspace while the rest is prepared.
  const trust = createWorkspaceTrust({ ...stores, ...media }, context, questions, workspace);
  try {
    await media.agentFiles.makeDirectory(workspace);
    if (!(await feed.begin(first))) return undefined;
    typing.begin();
    window = watchWindow({ ...stores, hasTemplate: settings.hasTemplate, now: Date.now }, context);
    endListening();
    endListening = context.subscription.tell(heard, dispatch.hasSeen);
    // Messages that came with the first ones and need a separate turn get a notice.
    if (hasMissed || dispatch.waiting() > first.length) heard();
    await deps.claims.claim(conversation);
    const chosen = dispatch.known();
    const quota = createSendQuota({
      most: settings.messagesPerTurn,
      sentBefore: () => stores.outbox.countOf(turn),
      heard: () => dispatch.taken().size,
    });
    reporter = tell(deps, context, questions, chosen, quota);
    const onSent = (): void => events.onSent();
    const chatTools = createChatTools(deps, context, { workspace, quota, signal, onSent });
    const say = createSayWords(deps, context, { session: dispatch.session, onSent });
    const screenshots = createScreenshots(chatTools);
    const budget = createBudget({ ...stores, budgets: settings.budgets }, context, questions, end);
    const events = createTurnEvents(deps, {
      context,
      questions,
      dispatch,
      result,
      reporter,
      title: first[0] ? withoutPrefix(first[0]).text : '',
      say,
      beforeAnswer: (ids) => screenshots.sendUnsent(feed.wordsOf(ids)),
      onAnswered: (ids, left) => feed.answered(ids, left),
      onWriting: async (answer, text, ids) => {
        if (feed.isSpoken(ids)) await voice.plan(answer, text);
      },
      onWritten: (answer) => voice.begin(answer),
    });
    const permissions = permissionsOf(chosen.permissions, settings.permissions);
    const tools = createTools(deps, context, {
      questions,
      budget,
      permissions,
      chatTools: { ...chatTools, say },
      session: dispatch.session,
    });
    const voice = createVoiceAnswers({ ...stores, speak: media.speak }, context, chosen, signal);
    await voice.resume();
    const suggestions = createSuggestions(stores, context, { session: dispatch.session, first });
    await budget.mayGoOn(signal);
    const grants = await trust.settle(permissions, signal);
    const work = deps.agent.work({
      id: turn,
      timezone: chosen.timezone,
      conversation,
      workspace,
      prompts: feed.prompts,
      tools,
      session: dispatch.session(),
      follows: chosen.follows,
      signal,
      permissions,
      model: chosen.model,
      effort: readEffort(chosen.effort),
      grants,
      onSuggestion: suggestions.offer,
    });
    for await (const event of work) {
      watchdog.note(event);
      reporter.note(event);
      screenshots.note(event);
      await events.onEvent(event);
      suggestions.note(event);
    }
    suggestions.end();
    await voice.settle();
    return feed.left();
  } finally {
    watchdog.stop();
    reporter?.stop();
    window?.stop();
    endListening();
    typing.end();
    await feed.settle();
  }
}

type ToolDeps = {
  questions: Questions;
  budget: ReturnType<typeof createBudget>;
  permissions: ReturnType<typeof permissionsOf>;
  chatTools: SendTools & SayTools;
  session: Dispatch['session'];
};

/**
 * Claude's tools besides its own. None starts before a worker that was halted knows which jobs it
 * still has.
 */
function createTools(
  { stores, chat, settings, thaw }: TurnDeps,
  context: TurnContext,
  { questions, budget, permissions, chatTools, session }: ToolDeps,
): ChatTools {
  const { conversation, turn, fence, job, signal } = context;
  const { schedules, conversations, outbox, pages } = stores;
  const { scheduleLimits: limits, hasTemplate, publicUrl } = settings;
  const { writeAnswer } = chat;
  const scheduleTools = createScheduleTools({
    schedules,
    conversations,
    outbox,
    limits,
    hasTemplate,
    run: job.attemptsStarted,
    turn,
    conversation,
    fence,
    now: Date.now,
  });
  const askTools = createAskTools(questions, budget, {
    mode: permissions,
    allowed: createAlwaysAllowed(conversations, context, session),
    show: { pages, publicUrl },
    writeAnswer,
  });
  return gateTools({ ...chatTools, ...scheduleTools, ...askTools }, thaw.settled, signal);
}

/** Reports long work to the person: a line now and then, or each step if they want that. */
function tell(
  { stores: { outbox, background }, settings: { times } }: TurnDeps,
  { job, turn, conversation, fence, startedAt, log }: TurnContext,
  questions: Questions,
  { verbose }: Conversation,
  quota: SendQuota,
): ProgressReporter {
  const alongside = createAlongside();
  return startProgressReporter({
    narrator:
      verbose === undefined ? createProgress(times.progress, startedAt) : createSteps(stepTimes),
    tell: async ({ text: line, index }) => {
      if (!(await quota.takeProgress())) return;
      const tasks = verbose === undefined ? await background.list(conversation) : [];
      const text = alongside(
        line,
        tasks.map(({ description }) => description),
      );
      await outbox.put(
        [
          {
            id: `${turn}.progress.${job.attemptsStarted}.${index}`,
            conversation,
            turn,
            text,
            aside: true,
          },
        ],
        fence,
      );
    },
    isWaiting: questions.isWaiting,
    log,
    now: Date.now,
  });
}
