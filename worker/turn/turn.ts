import type { TurnResult } from '../../shared/store/queues.ts';
import type { ChatTools } from '../agent/agent.ts';
import type { PermissionMode } from '../agent/settings.ts';
import { permissionsOf, readEffort } from '../agent/settings.ts';
import { createAlwaysAllowed } from '../questions/always-allowed.ts';
import { AwaitingAnswer } from '../questions/answer-wait.ts';
import { createAskTools } from '../questions/tools.ts';
import { createScheduleTools } from '../schedules/tools.ts';
import { gateTools } from '../tools/tool-gate.ts';
import { workspaceOf } from '../agent/homes/home.ts';
import { createAgentFiles } from '../agent/sandbox/files.ts';
import { isNews, mayRelease } from './decisions.ts';
import type { TurnDeps } from './deps.ts';
import type { TurnEvent } from './mailbox.ts';
import type { TurnWork } from './steering.ts';
import { createTurnParts } from './turn-parts.ts';
import type { TurnParts } from './turn-parts.ts';
import { watchWindow } from './window.ts';

export function emptyResult(): TurnResult {
  return { messages: 0, replies: 0, durationMs: 0, inputTokens: 0, outputTokens: 0, costUsd: 0 };
}

/**
 * Passes Claude the messages, including those that come in while it works, until everything is
 * answered: handles what happens to the turn, one event after the other. Returns the number of
 * messages left in the inbox, undefined when unknown. Throws the error that ended it early: a
 * StopRequest, an AgentFailure, FencedError, or the signal's reason.
 */
export async function workTurn(deps: TurnDeps, work: TurnWork): Promise<number | undefined> {
  const { context, questions, dispatch, record } = work;
  const { mailbox } = context;
  const parts = createTurnParts(deps, work);
  const { cancellation, steering, events, reporter } = parts;
  const { signal, ending, stop, watchdog } = cancellation;
  const turn: { end?: Extract<TurnEvent, { kind: 'ended' }> } = {};

  /** Waits neither for the person nor for another event. */
  const handle = async (event: TurnEvent): Promise<void> => {
    switch (event.kind) {
      case 'message':
        if (isNews(event, dispatch.hasSeen)) await steering.look();
        return;
      case 'question-opened':
        record.noteQuestion(questions.open()?.text);
        // The answer may have come in before the question.
        stop.look();
        return await steering.look();
      case 'look':
        return await steering.look(event.onRead);
      case 'read':
        return await steering.pass(event);
      case 'all-read':
        return await steering.onAllRead();
      case 'answered':
        return await steering.move();
      case 'agent':
        return await events.onEvent(event.event);
      case 'sent':
        return reporter.said();
      case 'progress-due':
        return await reporter.tellDue();
      case 'question-held': {
        const open = questions.open()?.id;
        const held = { open, tools: watchdog.running(), now: Date.now() };
        if (mayRelease(event, held)) ending.abort(new AwaitingAnswer(event.deadline));
        return;
      }
      case 'failed':
        return ending.abort(event.error);
      case 'aborted':
        return reporter.stop();
      case 'wait-changed':
        // The turn has its slot already.
        return;
      case 'ended':
        turn.end = event;
        return;
      default:
        event satisfies never;
    }
  };

  signal.addEventListener('abort', () => mailbox.post({ kind: 'aborted' }), { once: true });
  void runAgent(deps, work, parts).then(
    () => mailbox.post({ kind: 'ended' }),
    (error: unknown) => mailbox.post({ kind: 'ended', error }),
  );
  try {
    while (!turn.end) await mailbox.next(handle).catch((error: unknown) => ending.abort(error));
    if ('error' in turn.end) throw turn.end.error;
    // What has come in since the last answer was not counted.
    const isUnread = ({ kind }: TurnEvent): boolean => kind === 'message' || kind === 'look';
    return mailbox.waiting().some(isUnread) ? undefined : steering.left();
  } finally {
    watchdog.stop();
    stop.end();
    reporter.stop();
    mailbox.close();
    await steering.untilRead();
  }
}

/**
 * Works: what waits for the person, for Claude or for another worker waits here, beside the
 * handling of events. Each event of the agent is handled before the next one is taken.
 */
async function runAgent(deps: TurnDeps, work: TurnWork, parts: TurnParts): Promise<void> {
  const { agent, claims, chat, settings, stores } = deps;
  const { context, home, questions, dispatch, first, steps } = work;
  const { steering, suggestions } = parts;
  const { signal, watchdog } = parts.cancellation;
  const { conversation, turn, mailbox } = context;
  const workspace = workspaceOf(home, conversation);
  const typing = chat.typing.keep(conversation, () =>
    questions.isWaiting() || signal.aborted ? undefined : steering.newest(),
  );
  let window: ReturnType<typeof watchWindow> | undefined;
  try {
    await createAgentFiles(home.user).makeDirectories([workspace]);
    if (context.job.attemptsStarted > 1 || dispatch.isAboutWork()) steps.begin();
    if (!(await steering.begin(first))) return;
    typing.begin();
    const { hasTemplate } = settings;
    window = watchWindow({ ...stores, hasTemplate, now: Date.now }, context, dispatch.known());
    await claims.claim(conversation);
    parts.reporter.start();
    const chosen = dispatch.known();
    const permissions = permissionsOf(chosen.permissions, settings.permissions);
    const tools = createTools(deps, work, parts, permissions);
    await parts.voice.resume();
    await parts.budget.mayGoOn(signal);
    const grants = await parts.trust.decide(permissions, signal);
    const events = agent.work({
      id: turn,
      timezone: chosen.timezone,
      conversation,
      person: dispatch.snapshot().person,
      home,
      workspace,
      prompts: steering.prompts,
      taken: dispatch.taken,
      tools,
      session: dispatch.session(),
      follows: chosen.follows,
      rewind: dispatch.session() === chosen.session ? chosen.rewind : undefined,
      signal,
      permissions,
      model: chosen.model,
      effort: readEffort(chosen.effort),
      grants,
      onSuggestion: suggestions.offer,
      beforeTool: steps.ready,
    });
    for await (const event of events) {
      // A sign of life counts when it comes, however long the handling of an earlier event takes.
      watchdog.note(event);
      await mailbox.deliver({ kind: 'agent', event });
    }
    suggestions.end();
    await parts.voice.finish();
  } finally {
    window?.stop();
    typing.end();
  }
}

/**
 * Claude's tools besides its own. None starts before a worker that was halted knows which jobs it
 * still has.
 */
function createTools(
  { stores, chat, settings, thaw }: TurnDeps,
  { context, questions, dispatch }: TurnWork,
  { budget, chatTools }: TurnParts,
  permissions: PermissionMode,
): ChatTools {
  const { conversation, turn, fence, job, signal } = context;
  const { conversations, pages } = stores;
  const { scheduleLimits: limits, hasTemplate, publicUrl } = settings;
  const scheduleTools = createScheduleTools(
    stores,
    { turn, run: job.attemptsStarted, conversation, fence },
    { limits, hasTemplate },
    Date.now,
  );
  const askTools = createAskTools(questions, budget, {
    mode: permissions,
    allowed: createAlwaysAllowed(conversations, context, dispatch.session),
    show: { pages, publicUrl },
    writeAnswer: chat.writeAnswer,
  });
  return gateTools({ ...chatTools, ...scheduleTools, ...askTools }, thaw.settled, signal);
}
