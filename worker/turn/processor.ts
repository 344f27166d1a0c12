import { UnrecoverableError } from 'bullmq';
import type { Job } from 'bullmq';
import { cut } from '../../shared/runtime/cut.ts';
import { NotAllowedError } from '../../shared/store/allowed.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { tellOfSetAside } from '../../shared/store/boxes/set-aside.ts';
import type { Message } from '../../shared/store/message.ts';
import { ElsewhereError, MovingError } from '../../shared/store/boxes/snapshot.ts';
import type { Snapshot } from '../../shared/store/boxes/snapshot.ts';
import { readTurnData } from '../../shared/store/queues.ts';
import type { TurnData, TurnResult } from '../../shared/store/queues.ts';
import type { ModelUse } from '../../shared/store/money/spend.ts';
import { asksToRetry } from '../commands/turn-commands.ts';
import { AwaitingAnswer } from '../questions/answer-wait.ts';
import {
  askTranscript,
  dateByList,
  dateLateCopies,
  leaveAnswered,
  lookUpFirst,
  mayHaveBeenSaid,
} from './answered-before.ts';
import { createAttempts } from './attempts.ts';
import { putOffForAnswer, resumeQuestion } from '../questions/awaiting-answer.ts';
import { createTurnSteps } from '../checkpoints/turn-steps.ts';
import type { TurnOfSteps, TurnSteps } from '../checkpoints/turn-steps.ts';
import { createTurnRecord } from '../progress/turn-record.ts';
import type { TurnRecord } from '../progress/turn-record.ts';
import { createDispatch } from './dispatch.ts';
import type { Dispatch } from './dispatch.ts';
import { createQuestions } from '../questions/questions.ts';
import { StopRequest } from './stop.ts';
import type { TurnContext } from './context.ts';
import type { TurnDeps } from './deps.ts';
import { withoutPrefix } from './format-messages.ts';
import { delayJob } from '../process/job-moves.ts';
import { createTurnSlot } from '../process/slots.ts';
import { createMailbox } from './mailbox.ts';
import { meetPerson } from '../people/meet.ts';
import { endBadly, giveUpExhausted, isExhausted, settleStopped } from './ending/outcome.ts';
import type { TurnStand } from './ending/outcome.ts';
import { waitForSlot } from './wait-for-slot.ts';
import { createVoiceAnswers } from '../reply/voice-answers.ts';
import { emptyResult, workTurn } from './turn.ts';

/**
 * Works one turn of a conversation: inbox → agent → outbox. Every step is idempotent, and the fence
 * (BullMQ's lock on the job) keeps a worker that was considered dead from performing any of them. A
 * message leaves the inbox in the same step that puts its answer into the outbox.
 */
export function createTurnProcessor(
  deps: TurnDeps,
): (job: Job<TurnData, TurnResult>, token: string, signal: AbortSignal) => Promise<TurnResult> {
  const { stores } = deps;
  return async (job, token, signal) => {
    const turn = job.id ?? '';
    const data = readTurnData(job.data, job.deduplicationId);
    if (data === undefined) throw new UnrecoverableError('the turn names no conversation');
    job.data = data;
    const { conversation } = data;
    // Subscribes before anything is read, so that every later message is either read or announced.
    const mailbox = createMailbox();
    const endListening = deps.arrivals.listen(conversation, (id) =>
      mailbox.post({ kind: 'message', id }),
    );
    const context: TurnContext = {
      job,
      token,
      turn,
      conversation,
      signal,
      mailbox,
      slot: createTurnSlot(deps.slots),
      fence: { lock: keys.jobLock(stores.turns.name, turn), token },
      startedAt: Date.now(),
      log: deps.log.child({ turn }),
    };
    const result = emptyResult();
    try {
      const { hasBegun, left, use } = await workInbox(deps, context, result);
      // Messages that need a separate turn, such as queued ones.
      if (left !== 0 && (await stores.inbox.size(conversation)) > 0)
        await stores.turns.add(conversation);
      result.durationMs = Date.now() - context.startedAt;
      if (hasBegun) addUse(result, use ?? (await stores.spend.turn(turn)));
      if (hasBegun) context.log.info(result, 'turn done');
      return result;
    } catch (error) {
      if (error instanceof ElsewhereError) {
        context.log.warn({ conversation }, 'the conversation has another home: passed its turn on');
        // Under its name: what it has said and asked is named after it.
        await stores.turns.add(conversation, turn);
        return result;
      }
      if (error instanceof MovingError)
        return await delayJob(job, token, await stores.onMoving(conversation));
      if (!(error instanceof NotAllowedError)) throw error;
      context.log.warn(
        { conversation },
        'person no longer allowed to write: set aside the waiting items',
      );
      await tellOfSetAside(stores, conversation);
      return result;
    } finally {
      endListening();
      mailbox.close();
    }
  };
}

/** Adds the usage that the model proxy has counted for the turn, over all of its attempts. */
function addUse(result: TurnResult, use: ModelUse): void {
  result.inputTokens += use.input + use.cacheWrite5m + use.cacheWrite1h + use.cacheRead;
  result.outputTokens += use.output;
  result.costUsd += use.costUsd;
}

/** Makes the sounds that an earlier run of a worker has left out: its answers are in the outbox. */
async function speakLeft(
  { stores, media }: TurnDeps,
  context: TurnContext,
  { conversation }: Pick<Snapshot, 'conversation'>,
): Promise<void> {
  const { user } = await stores.homeOf(context.conversation);
  const voice = createVoiceAnswers(
    { ...stores, user, speak: media.speak },
    context,
    conversation,
    context.signal,
  );
  await voice.resume();
  await voice.finish();
}

/** The longest title of a turn's step (characters). */
const longestTitle = 120;

/** What a turn's step is called, and whose it is. */
function turnOfSteps(
  { background }: Pick<TurnDeps['stores'], 'background'>,
  { turn, conversation }: TurnContext,
  { session }: Dispatch,
  [first]: Message[],
): TurnOfSteps {
  const title = first && !first.work ? cut(withoutPrefix(first).text, longestTitle) : '';
  const goesOn = async (): Promise<boolean> => (await background.list(conversation)).length > 0;
  return { turn, conversation, asked: first?.id ?? '', title, session, goesOn };
}

/** Says what has changed, if no answer has; the person may be tapping meanwhile. */
async function sayChanges(
  { stores: { outbox } }: Pick<TurnDeps, 'stores'>,
  { turn, conversation, fence }: TurnContext,
  steps: TurnSteps,
): Promise<void> {
  const text = await steps.end();
  if (text === undefined) return;
  const items = [{ id: '/undo', title: 'Undo' }];
  const choices = { kind: 'buttons' as const, items, told: true };
  await outbox.put([{ id: `${turn}.changes`, conversation, turn, text, choices }], fence);
}

/**
 * Works the waiting messages, and fills the result. `left` is the number of messages left in the
 * inbox, and `use` what the turn has cost, each undefined when unknown.
 */
async function workInbox(
  deps: TurnDeps,
  context: TurnContext,
  result: TurnResult,
): Promise<{ hasBegun: boolean; left: number | undefined; use?: ModelUse | undefined }> {
  const { stores } = deps;
  const { conversation, job, log, signal, slot, turn, fence } = context;
  const snapshot = await stores.snapshots.read(
    conversation,
    fence,
    `${turn}:${job.attemptsStarted}`,
  );
  // Once for the whole turn, while the rest is looked up.
  const homing = stores.homeOf(conversation, snapshot.person);
  homing.catch(() => undefined);
  const attempts = createAttempts(stores.inbox, context, snapshot);
  const questions = createQuestions(deps, context, snapshot.conversation);
  let session = (): TurnStand['session'] => undefined;
  let hasSeen = (_id: string): boolean => false;
  const transcript = { agent: deps.agent, homeOf: () => homing };
  const stand = (): TurnStand => ({
    attempts,
    answerers: questions.answerers(),
    session: session(),
    lookUp: (messages) => askTranscript(transcript, context, session()?.id, messages),
  });
  let hasBegun = false;
  let steps: TurnSteps | undefined;
  let record: TurnRecord | undefined;
  const finish = async (): Promise<ModelUse | undefined> => {
    slot.leave();
    return await record?.end();
  };
  try {
    const person = await meetPerson(stores, context, snapshot.messages, snapshot.person);
    const waiting = await dateByList(
      deps.chat,
      context,
      snapshot,
      await questions.withoutAnswers(snapshot.messages),
    );
    // Only an answer in the transcript that no run has delivered decides about these.
    const isDoubtful = (message: Message): boolean =>
      (snapshot.since !== '' && message.at < snapshot.since) || isExhausted(message, attempts);
    const known = await askTranscript(
      transcript,
      context,
      snapshot.conversation.session,
      waiting.filter(isDoubtful),
    );
    const isOver = (message: Message): boolean =>
      isExhausted(message, attempts, known.get(message.id));
    let lastSnapshot = (): Snapshot => snapshot;
    const saidAt = (): string | undefined => mayHaveBeenSaid(lastSnapshot(), Date.now());
    const outbox = lookUpFirst(stores.outbox, saidAt);
    const snapshots = dateLateCopies(stores.snapshots, deps.chat, context, snapshot.messages);
    const own: TurnDeps = { ...deps, stores: { ...stores, outbox, snapshots } };
    const unanswered = await leaveAnswered(
      { ...stores, messenger: deps.chat.messenger },
      context,
      { ...snapshot, messages: waiting },
      (message) => {
        const state = known.get(message.id);
        if (isOver(message) && state === 'lost') return 'lost';
        const isOlder = state === 'before' || state === 'lost';
        return isOlder || (isOver(message) && state !== 'unanswered') ? 'unknown' : undefined;
      },
    );
    const messages = await giveUpExhausted(own, context, unanswered, stand(), isOver);
    const givenUp = [
      ...snapshot.givenUp,
      ...unanswered.filter((message) => !messages.includes(message) && !asksToRetry(message)),
    ];
    const first: Snapshot = { ...snapshot, messages, givenUp };
    const dispatch = createDispatch(own, context, questions, attempts, first);
    lastSnapshot = dispatch.snapshot;
    hasSeen = dispatch.hasSeen;
    await resumeQuestion(context, questions, dispatch);
    const granted = await waitForSlot(deps, context, dispatch, attempts, person);
    if (!granted) {
      await speakLeft(own, context, first);
      // Messages left for another turn were not started.
      if (dispatch.waiting() > 0) await attempts.giveBack();
      return { hasBegun, left: dispatch.waiting() };
    }
    slot.hold(granted.slot, person);
    hasBegun = true;
    const isResumed = dispatch.session() !== undefined;
    session = () => ({ id: dispatch.session(), isResumed });
    record = createTurnRecord({ ...stores, ...deps.media, homing, context, now: Date.now });
    await attempts.take(granted.first, true);
    log.info(
      { conversation, messages: granted.first.length, attempt: job.attemptsStarted },
      'turn',
    );
    const started = createTurnSteps(
      stores.checkpoints,
      turnOfSteps(stores, context, dispatch, granted.first),
      log,
    );
    steps = started;
    const home = await homing;
    const left = await workTurn(own, {
      context,
      home,
      questions,
      dispatch,
      first: granted.first,
      result,
      steps: started,
      record,
    });
    await sayChanges(own, context, started);
    return { hasBegun, left, use: await finish() };
  } catch (error) {
    if (error instanceof MovingError || error instanceof ElsewhereError) {
      await attempts.giveBack();
      throw error;
    }
    if (error instanceof AwaitingAnswer && !signal.aborted)
      return await putOffForAnswer(deps, context, error, attempts, questions, hasSeen);
    if (!(error instanceof StopRequest) || signal.aborted) {
      // What is left of an interrupted turn is noted by the run that goes on with it.
      if (!signal.aborted && !(error instanceof FencedError)) await steps?.end();
      return await endBadly(deps, context, error, stand());
    }
    await settleStopped(deps, context, error, stand());
    if (steps) await sayChanges(deps, context, steps);
    return { hasBegun, left: undefined, use: await finish() };
  } finally {
    await finish();
  }
}
