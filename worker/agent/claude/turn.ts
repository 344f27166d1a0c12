import { FencedError } from '../../../shared/store/boxes/inbox.ts';
import { AgentFailure } from '../agent-failure.ts';
import type { AgentEvent, AgentTurn, ChatTools } from '../agent.ts';
import { createPromptTracker } from './prompt-tracker.ts';
import { createAsyncQueue } from '../async-queue.ts';
import type { LiveSession } from './session.ts';
import type { MachineWatch } from '../sandbox/machine-watch.ts';
import { classifyRefusal } from './refusals.ts';
import type { Translation } from './translate.ts';

/** How many consecutive refusals for cost a turn survives. */
const mostRefusals = 3;

/**
 * Works one turn in a live session; `modelPatienceMs` is the agent's option. Throws AgentFailure or
 * the turn's abort reason; then the session must be closed.
 */
export async function* workInSession(
  live: LiveSession,
  turn: AgentTurn,
  modelPatienceMs: number,
  machine: MachineWatch,
): AsyncGenerator<AgentEvent> {
  const events = createAsyncQueue<AgentEvent>();
  const prompts = createPromptTracker(live, turn, events);
  let session = live.id;
  let [refusals, isAsking] = [0, false];

  /** Claude said something before it failed: the person gets it before the failure's sentence. */
  const fail = (error: unknown): void => {
    for (const words of live.takeWords()) events.push({ kind: 'words', words });
    events.fail(error);
  };
  const patience = createPatience(modelPatienceMs, fail);
  const { sayFirst, untilSaid } = createSayFirst(live, turn);
  /** The model proxy has refused a request; asks the person to raise the budget. */
  const askForMore = async (failure: AgentFailure): Promise<void> => {
    if (isAsking) return;
    isAsking = true;
    refusals += 1;
    try {
      await sayFirst();
      // Repeated refusals without an answer in between mean that the two counts differ, and asking
      // does not help.
      if (refusals <= mostRefusals && (await turn.tools.mayGoOn(turn.signal))) prompts.goOn();
      else fail(failure);
    } catch (error) {
      events.fail(error);
    } finally {
      isAsking = false;
    }
  };
  const onTranslation = (translation: Translation): void => {
    switch (translation.kind) {
      case 'retrying':
        patience.lose(translation.reason);
        return events.push(translation);
      case 'result':
        patience.regain();
        refusals = 0;
        return prompts.answer(translation);
      case 'failure':
        if (translation.failure.kind === 'budget') return void askForMore(translation.failure);
        return fail(translation.failure);
      case 'background':
        events.push({ kind: 'tasks', tasks: translation.tasks });
        return prompts.closeBackground();
      case 'interrupted':
        return fail(new AgentFailure('died', 'Claude Code was interrupted'));
      case 'taken':
        return prompts.take(translation.uuid);
      case 'passed-over':
        return prompts.askAgain(translation.uuid);
      case 'session':
        // Claude Code reports its session at each prompt; only a different one is news.
        events.push(translation.id === session ? { kind: 'alive' } : translation);
        session = translation.id;
        return;
      case 'tool':
      case 'tool-end':
        prompts.noteTool(translation.id, translation.kind === 'tool');
        if (translation.kind === 'tool-end' && translation.failed)
          void machine.tell(turn.tools, translation.id);
        return events.push(translation);
      default:
        return events.push(translation);
    }
  };
  const onAbort = (): void => {
    live.listen(undefined);
    const { reason } = turn.signal;
    // What was said before a stop is withdrawn; an ended worker’s turn is resumed with it.
    const end = (): void => (reason instanceof AgentFailure ? fail : events.fail)(reason);
    if (isTakenAway(turn.signal)) end();
    else void live.interrupt().then(end);
  };
  const onEnd = async (error: unknown): Promise<void> => {
    const shortage = await machine.look();
    fail(
      new AgentFailure(
        shortage ?? 'died',
        error instanceof Error ? error.message : 'Claude Code ended',
      ),
    );
  };
  live.tools = wordsFirst(turn.tools, sayFirst);
  live.listen({
    onMessage: (translations, isFromModel) => {
      if (isFromModel) patience.regain();
      for (const translation of translations) onTranslation(translation);
    },
    onEnd: (error) => void onEnd(error),
    onCallEnd: () => prompts.closeBackground(),
  });
  turn.signal.addEventListener('abort', onAbort, { once: true });
  // An abort during the process's start fires no event here.
  if (turn.signal.aborted) onAbort();
  else prompts.feed().catch(fail);
  const endLooking = machine.during(turn.tools);
  try {
    for await (const event of events) {
      // What a helper's question has sent ahead is in the chat before the answer behind it.
      if (event.kind === 'answer' || event.kind === 'words') await untilSaid();
      yield event;
    }
  } finally {
    endLooking();
    patience.regain();
    turn.signal.removeEventListener('abort', onAbort);
  }
}

/**
 * Sends what Claude has said so far, one call after the other. Claude Code makes its requests at
 * once and says its words through the stream: what has arrived of the stream is read first. What a
 * turn has said that is being ended stays for its end. `untilSaid` waits for what is under way, and
 * never rejects.
 */
function createSayFirst(
  live: LiveSession,
  { tools, signal }: Pick<AgentTurn, 'tools' | 'signal'>,
): { sayFirst: () => Promise<void>; untilSaid: () => Promise<unknown> } {
  const say = async (): Promise<void> => {
    if (signal.aborted) return;
    for (const words of live.takeWords()) await tools.say(words);
  };
  let saying: Promise<unknown> = Promise.resolve();
  return {
    async sayFirst() {
      await new Promise((resolve) => setImmediate(resolve));
      const mine = saying.then(say);
      saying = mine.catch(() => undefined);
      await mine;
    },
    untilSaid: () => saying,
  };
}

/**
 * The tools, with what Claude has said before each question, message and file of it: the chat has
 * all in the order in which Claude said it.
 */
function wordsFirst(tools: ChatTools, sayFirst: () => Promise<void>): ChatTools {
  const after =
    <Args extends unknown[], Result>(use: (...args: Args) => Promise<Result>, before = sayFirst) =>
    async (...args: Args): Promise<Result> => {
      await before();
      return await use(...args);
    };
  // A tool that sends something answers in a sentence of its own that the turn is over.
  const tryToSay = (): Promise<void> => sayFirst().catch(() => undefined);
  return {
    ...tools,
    sendFile: after(tools.sendFile, tryToSay),
    sendMessage: after(tools.sendMessage, tryToSay),
    ask: after(tools.ask),
    approve: after(tools.approve),
    decidePlan: after(tools.decidePlan),
    mayGoOn: (signal) => tools.mayGoOn(signal, sayFirst),
  };
}

/** Whether a turn was aborted because another worker has it. */
export function isTakenAway(signal: AbortSignal): boolean {
  return signal.aborted && signal.reason instanceof FencedError;
}

/** Gives up on the model's service when it has failed for too long. */
function createPatience(
  ms: number,
  fail: (failure: AgentFailure) => void,
): { lose(reason: string): void; regain(): void } {
  let timer: NodeJS.Timeout | undefined;
  return {
    lose(reason) {
      const kind = classifyRefusal({ error: reason });
      // Retrying does not restore a sign-in or an account.
      if (kind === 'signed-out' || kind === 'account-off')
        return fail(new AgentFailure(kind, reason));
      const isUnclear = kind === 'broken' || kind === 'refused';
      timer ??= setTimeout(
        () => fail(new AgentFailure(isUnclear ? 'model-away' : kind, reason)),
        ms,
      );
    },
    regain() {
      clearTimeout(timer);
      timer = undefined;
    },
  };
}
