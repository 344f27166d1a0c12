import type { SayTools, SendTools } from '../agent/agent.ts';
import { createAlongside } from '../background/describe.ts';
import { ownerOf } from '../../shared/store/owner.ts';
import { createProgress } from '../progress/progress.ts';
import { createProgressReporter } from '../progress/reporter.ts';
import type { ProgressReporter } from '../progress/reporter.ts';
import { createSteps, stepTimes } from '../progress/verbose.ts';
import { createBudget } from '../questions/budget.ts';
import type { Budget } from '../questions/budget.ts';
import { createWorkspaceTrust } from '../questions/workspace-trust.ts';
import type { WorkspaceTrust } from '../questions/workspace-trust.ts';
import { createSayWords } from '../reply/say-words.ts';
import { createVoiceAnswers } from '../reply/voice-answers.ts';
import type { VoiceAnswers } from '../reply/voice-answers.ts';
import { createChatTools } from '../tools/chat-tools.ts';
import { createScreenshots } from '../tools/screenshots.ts';
import { createSendQuota } from '../tools/send-quota.ts';
import type { SendQuota } from '../tools/send-quota.ts';
import { createSentMessages } from '../tools/sent-messages.ts';
import { workspaceOf } from '../agent/homes/home.ts';
import { createWorkspaceReader } from '../agent/workspace/reader.ts';
import type { TurnDeps } from './deps.ts';
import { createTurnEvents } from './events.ts';
import type { TurnEvents } from './events.ts';
import { withoutPrefix } from './format-messages.ts';
import { createSteering } from './steering.ts';
import type { Steering, TurnWork } from './steering.ts';
import { createCancelWatch } from './stop.ts';
import type { CancelWatch } from './stop.ts';
import { createSuggestions } from './suggestions.ts';
import type { Suggestions } from './suggestions.ts';
import { createWatchdog } from './watchdog.ts';
import type { Watchdog } from './watchdog.ts';

/** What a turn with work for Claude is made of; nothing of it calls the turn back. */
export type TurnParts = {
  cancellation: Cancellation;
  steering: Steering;
  events: TurnEvents;
  reporter: ProgressReporter;
  budget: Budget;
  trust: WorkspaceTrust;
  chatTools: SendTools & SayTools;
  voice: VoiceAnswers;
  suggestions: Suggestions;
};

/**
 * What ends the work early. It does not wait in the mailbox: whatever is being handled is cancelled
 * with it.
 */
export type Cancellation = {
  /** Aborts with the worker's reason, a StopRequest, silence, or what `ending` is aborted with. */
  signal: AbortSignal;
  ending: AbortController;
  stop: CancelWatch;
  watchdog: Watchdog;
};

function createCancellation(
  deps: TurnDeps,
  { context, questions, dispatch }: TurnWork,
): Cancellation {
  const ending = new AbortController();
  const stop = createCancelWatch(deps, context, questions, dispatch);
  const watchdog = createWatchdog(
    deps.settings.times.silence,
    AbortSignal.any([context.signal, stop.signal, ending.signal]),
    questions.isWaiting,
  );
  return { signal: watchdog.signal, ending, stop, watchdog };
}

/** Makes the parts, each of those that it uses. Scans the workspace while the rest is prepared. */
export function createTurnParts(deps: TurnDeps, work: TurnWork): TurnParts {
  const { stores, media, settings } = deps;
  const { context, home, questions, dispatch, first, result } = work;
  const { conversation, turn, mailbox } = context;
  const workspace = workspaceOf(home, conversation);
  const workspaces = createWorkspaceReader(home.user);
  const cancellation = createCancellation(deps, work);
  const { signal, ending } = cancellation;
  const trust = createWorkspaceTrust({ ...stores, workspaces }, context, questions, workspace);
  const steering = createSteering(deps, work, { workspace, signal });
  const quota = createSendQuota({
    most: settings.messagesPerTurn,
    sentBefore: () => stores.outbox.countOf(turn),
    messageCount: () => dispatch.taken().size,
  });
  const sent = createSentMessages(mailbox, result);
  const sendTools = createChatTools(deps, context, { home, workspace, quota, signal, sent });
  const say = createSayWords(deps, context, dispatch, sent);
  const voice = createVoiceAnswers(
    { ...stores, user: home.user, speak: media.speak },
    context,
    dispatch.known(),
    signal,
  );
  const suggestions = createSuggestions(stores, context, { session: dispatch.session, first });
  const title = first[0] ? withoutPrefix(first[0]).text : '';
  const reporter = createReporter(deps, work, { quota, title });
  const events = createTurnEvents(deps, work, {
    title,
    steering,
    reporter,
    screenshots: createScreenshots(sendTools),
    say,
    sent,
    voice,
    suggestions,
  });
  return {
    cancellation,
    steering,
    events,
    reporter,
    budget: createBudget(
      {
        ...stores,
        budgets: settings.budgets,
        known: dispatch.snapshot,
        mayRaiseMonth: async () => (await ownerOf(stores, conversation)) !== undefined,
      },
      context,
      questions,
      ending,
    ),
    trust,
    chatTools: { ...sendTools, say },
    voice,
    suggestions,
  };
}

/** Reports long work to the person: a line now and then, or each step if they want that. */
function createReporter(
  { stores: { outbox, background, watch }, settings: { times } }: TurnDeps,
  { context, questions, dispatch }: TurnWork,
  { quota, title }: { quota: SendQuota; title: string },
): ProgressReporter {
  const { job, turn, conversation, fence, startedAt, mailbox, log } = context;
  const { verbose } = dispatch.known();
  const alongside = createAlongside();
  return createProgressReporter({
    narrator:
      verbose === undefined ? createProgress(times.progress, startedAt) : createSteps(stepTimes),
    tell: async ({ text: line, index }) => {
      if (!(await quota.takeProgress())) return;
      const tasks = verbose === undefined ? await background.list(conversation) : [];
      const words = alongside(
        line,
        tasks.map(({ description }) => description),
      );
      // The first line of long work leads to its page; a worker that resumes it has said so before.
      const isFirst = verbose === undefined && index === 1 && job.attemptsStarted === 1;
      const url = isFirst && (await watch.of(conversation, turn, title));
      const text = url ? `${words}\nWatch me: ${url}` : words;
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
    mailbox,
    log,
    now: Date.now,
  });
}
