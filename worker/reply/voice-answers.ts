import { z } from 'zod';
import type { Conversation, Conversations } from '../../shared/store/conversation.ts';
import type { FileStore } from '../../shared/store/files.ts';
import { reportError } from '../../shared/runtime/errors.ts';
import { parseJson } from '../../shared/runtime/json.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import type { AgentUser } from '../agent/sandbox/user.ts';
import { spokenText } from '../media/speaking.ts';
import type { Speaker } from '../media/speaking.ts';
import type { TurnContext } from '../turn/context.ts';
import { StopRequest } from '../turn/stop.ts';

export type VoiceDeps = {
  outbox: Outbox;
  files: FileStore;
  conversations: Pick<Conversations, 'write'>;
  /** The person's user, as which a program speaks. */
  user?: AgentUser | undefined;
  /** Undefined when none is configured. */
  speak: Speaker | undefined;
};

/** Speaks the answers to voice messages, besides their texts and never instead of them. */
export type VoiceAnswers = {
  /**
   * Notes, before the text is put, that this answer is to be spoken: a worker that takes over makes
   * the sound then. Throws FencedError.
   */
  plan(answer: string, text: string): Promise<void>;
  /** Begins to speak an answer whose text is in the outbox, if that is planned. */
  begin(answer: string): void;
  /** Begins to speak what an earlier run has planned and put. */
  resume(): Promise<void>;
  /** Waits for what was begun. Throws FencedError, and the signal's reason if it was cut off. */
  finish(): Promise<void>;
};

/** An answer to be spoken; `at` is when it was planned (ms since 1970). */
const Planned = z.array(z.object({ answer: z.string(), words: z.string(), at: z.number() }));
type Planned = z.infer<typeof Planned>;

/** After this time a sound is not made any more (ms): the person has long read the text. */
const mostLateMs = 10 * 60_000;

/**
 * `kept` is the conversation's stored state. A failure is only logged: the person has the text. A
 * sound that the end of the worker or of the turn has prevented stays planned; a stop withdraws it.
 */
export function createVoiceAnswers(
  { outbox, files, conversations, user, speak }: VoiceDeps,
  { turn, conversation, fence, log }: TurnContext,
  { unspoken }: Pick<Conversation, 'unspoken'>,
  signal: AbortSignal,
  now: () => number = Date.now,
): VoiceAnswers {
  const begun: Promise<void>[] = [];
  let planned: Planned = Planned.safeParse(parseJson(unspoken ?? '')).data ?? [];
  const write = (next: Planned): Promise<void> => {
    planned = next;
    const text = next.length === 0 ? '' : JSON.stringify(next);
    return conversations.write(conversation, fence, { unspoken: text });
  };
  const drop = (answer: string): Promise<void> =>
    write(planned.filter((entry) => entry.answer !== answer));

  const put = async (speaker: Speaker, answer: string, words: string): Promise<void> => {
    const id = `${answer}.spoken`;
    if (await outbox.has(id)) return;
    const about = { type: 'audio/ogg', name: 'answer.ogg' };
    const file = await files.put(await speaker(words, signal, user), about, conversation);
    signal.throwIfAborted();
    await outbox.put([{ id, conversation, turn, text: '', file, aside: true }], fence);
  };
  const send = async (speaker: Speaker, { answer, words, at }: Planned[number]): Promise<void> => {
    try {
      if (now() - at < mostLateMs) await put(speaker, answer, words);
    } catch (error) {
      if (error instanceof FencedError) throw error;
      if (signal.aborted && !(signal.reason instanceof StopRequest)) return;
      if (!signal.aborted)
        log.warn({ reason: reportError(error).message }, 'an answer was not spoken');
    }
    await drop(answer);
  };
  const begin = (answer: string): void => {
    const entry = planned.find((one) => one.answer === answer);
    if (!speak || !entry) return;
    const run = send(speak, entry);
    // A rejection waits for `finish`.
    run.catch(() => undefined);
    begun.push(run);
  };

  return {
    async plan(answer, text) {
      const words = spokenText(text);
      if (!speak || words === undefined) return;
      await write([...planned, { answer, words, at: now() }]);
    },
    begin,
    async resume() {
      for (const { answer, at } of planned) {
        // An answer that was not put comes again, or another one in its place.
        if (await outbox.has(`${answer}.1`)) begin(answer);
        else if (now() - at >= mostLateMs) await drop(answer);
      }
    },
    async finish() {
      if (begun.length === 0) return;
      await Promise.all(begun);
      signal.throwIfAborted();
    },
  };
}
