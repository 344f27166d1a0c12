import type { Conversation } from '../../shared/store/conversation.ts';
import type { FileStore } from '../../shared/store/files.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Message } from '../../shared/store/message.ts';
import type { PageStore } from '../../shared/store/pages.ts';
import type { TurnResult } from '../../shared/store/queues.ts';
import type { Typing } from '../../shared/delivery/typing.ts';
import type { Agent, ChatTools, SayTools, SendTools } from '../agent/agent.ts';
import { readEffort } from '../agent/agent.ts';
import type { AgentFiles } from '../agent/sandbox/files.ts';
import { createAlongside } from '../background/describe.ts';
import { createAlwaysAllowed } from '../questions/always-allowed.ts';
import { createAskTools } from '../questions/tools.ts';
import type { AwaitingAnswer } from '../questions/answer-wait.ts';
import { createBudget } from '../questions/budget.ts';
import type { BudgetParts } from '../questions/budget.ts';
import { createChatTools } from '../tools/chat-tools.ts';
import { permissionsOf } from '../commands/setting-commands.ts';
import type { Dispatch, DispatchDeps } from './dispatch.ts';
import { createProgress } from '../progress/progress.ts';
import type { ProgressTimes } from '../progress/progress.ts';
import { createSteering } from './steering.ts';
import type { SteeringDeps } from './steering.ts';
import type { Questions } from '../questions/questions.ts';
import type { ScheduleLimits } from '../schedules/limits.ts';
import { createScheduleTools } from '../schedules/tools.ts';
import { createScreenshots } from '../tools/screenshots.ts';
import { createSendQuota } from '../tools/send-quota.ts';
import type { SendQuota } from '../tools/send-quota.ts';
import { createSteps, stepTimes } from '../progress/verbose.ts';
import { withoutPrefix } from './format-messages.ts';
import { createCancelWatch } from './stop.ts';
import { gateTools } from '../tools/tool-gate.ts';
import { createVoiceAnswers } from '../reply/voice-answers.ts';
import type { VoiceParts } from '../reply/voice-answers.ts';
import { createSayWords } from '../reply/say-words.ts';
import { startProgressReporter } from '../progress/reporter.ts';
import type { ProgressReporter } from '../progress/reporter.ts';
import type { Thaw } from '../process/thaw.ts';
import type { TurnContext } from './context.ts';
import { createTurnEvents } from './events.ts';
import type { EventParts } from './events.ts';
import { createWatchdog } from './watchdog.ts';
import type { Silence } from './watchdog.ts';
import { createWorkspaceTrust } from '../questions/workspace-trust.ts';
import type { TrustParts } from '../questions/workspace-trust.ts';
import { createSuggestions } from './suggestions.ts';
import { watchWindow } from './window.ts';
import type { WindowParts } from './window.ts';
import { workspaceOf } from '../workspace.ts';

export type WorkParts = DispatchDeps &
  EventParts &
  BudgetParts &
  TrustParts &
  WindowParts &
  VoiceParts &
  SteeringDeps & {
    agent: Agent;
    files: FileStore;
    pages: PageStore;
    /** The number of messages a turn may send before the rest goes to a page. */
    messagesPerTurn: number;
    agentFiles: AgentFiles;
    dataDir: string;
    publicUrl: string;
    /** Returns when no other worker has a process for this conversation. */
    claim: (conversation: string) => Promise<void>;
    typing: Typing;
    silence: Silence;
    progress: ProgressTimes;
    scheduleLimits: ScheduleLimits;
    thaw: Pick<Thaw, 'settled'>;
    log: Log;
  };

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
  parts: WorkParts,
  { context, questions, dispatch, first, result, onListening }: TurnWork,
): Promise<number | undefined> {
  const { conversation, turn, fence, log } = context;
  const workspace = workspaceOf(parts.dataDir, conversation);
  const stop = createCancelWatch(
    parts.inbox,
    conversation,
    () => questions.open() !== undefined,
    log,
  );
  const trouble = new AbortController();
  const end = (error: unknown): void => trouble.abort(error);
  const watchdog = createWatchdog(
    parts.silence,
    AbortSignal.any([context.signal, stop.signal, trouble.signal]),
    questions.isWaiting,
  );
  const { signal } = watchdog;
  const feed = createSteering(parts, {
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
  const typing = parts.typing.keep(conversation, () =>
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
  const trust = createWorkspaceTrust(parts, context, questions, workspace);
  try {
    await parts.agentFiles.makeDirectory(workspace);
    if (!(await feed.begin(first))) return undefined;
    typing.begin();
    window = watchWindow(parts, context);
    endListening();
    endListening = context.subscription.tell(heard, dispatch.hasSeen);
    // Messages that came with the first ones and need a separate turn get a notice.
    if (hasMissed || dispatch.waiting() > first.length) heard();
    await parts.claim(conversation);
    const settings = dispatch.known();
    const quota = createSendQuota({
      most: parts.messagesPerTurn,
      sentBefore: () => parts.outbox.countOf(turn),
      heard: () => dispatch.taken().size,
    });
    reporter = tell(parts, context, questions, settings, quota);
    const chatTools = createChatTools({
      outbox: parts.outbox,
      files: parts.files,
      pages: parts.pages,
      quota,
      agentFiles: parts.agentFiles,
      reader: parts.reader,
      publicUrl: parts.publicUrl,
      turn,
      conversation,
      workspace,
      fence,
      signal,
      onSent: () => events.onSent(),
    });
    const say = createSayWords({
      outbox: parts.outbox,
      writeAnswer: parts.writeAnswer,
      turn,
      conversation,
      fence,
      session: dispatch.session,
      onSent: () => events.onSent(),
    });
    const screenshots = createScreenshots(chatTools);
    const budget = createBudget(parts, context, questions, end);
    const events = createTurnEvents(parts, {
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
    const permissions = permissionsOf(settings.permissions, parts.permissions);
    const tools = createTools(parts, context, {
      questions,
      budget,
      permissions,
      chatTools: { ...chatTools, say },
      session: dispatch.session,
    });
    const voice = createVoiceAnswers(parts, context, settings, signal);
    await voice.resume();
    const suggestions = createSuggestions(parts, context, { session: dispatch.session, first });
    await budget.mayGoOn(signal);
    const grants = await trust.settle(permissions, signal);
    const work = parts.agent.work({
      id: turn,
      timezone: settings.timezone,
      conversation,
      workspace,
      prompts: feed.prompts,
      tools,
      session: dispatch.session(),
      follows: settings.follows,
      signal,
      permissions,
      model: settings.model,
      effort: readEffort(settings.effort),
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
  parts: WorkParts,
  context: TurnContext,
  { questions, budget, permissions, chatTools, session }: ToolDeps,
): ChatTools {
  const { conversation, turn, fence, job, signal } = context;
  const { schedules, conversations, outbox, scheduleLimits: limits, hasTemplate } = parts;
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
    show: parts,
    writeAnswer: parts.writeAnswer,
  });
  return gateTools({ ...chatTools, ...scheduleTools, ...askTools }, parts.thaw.settled, signal);
}

/** Reports long work to the person: a line now and then, or each step if they want that. */
function tell(
  { outbox, background, progress }: WorkParts,
  { job, turn, conversation, fence, startedAt, log }: TurnContext,
  questions: Questions,
  { verbose }: Conversation,
  quota: SendQuota,
): ProgressReporter {
  const alongside = createAlongside();
  return startProgressReporter({
    narrator: verbose === undefined ? createProgress(progress, startedAt) : createSteps(stepTimes),
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
