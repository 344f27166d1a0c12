import type { FileStore } from '../../shared/store/files.ts';
import { reportError } from '../../shared/runtime/errors.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { spokenText } from '../media/speaking.ts';
import type { Speaker } from '../media/speaking.ts';
import type { TurnContext } from '../turn/context.ts';

export type VoiceParts = {
  outbox: Outbox;
  files: FileStore;
  /** Undefined when none is configured. */
  speak: Speaker | undefined;
};

/** Speaks the answers to voice messages, besides their texts and never instead of them. */
export type VoiceAnswers = {
  /** Begins to speak an answer, whose text is in the outbox already. */
  begin(answer: string, text: string): void;
  /** Waits for what was begun. Throws FencedError. */
  settle(): Promise<void>;
};

/** A failure is only logged: the person has the text. */
export function createVoiceAnswers(
  { outbox, files, speak }: VoiceParts,
  { turn, conversation, fence, log }: TurnContext,
  signal: AbortSignal,
): VoiceAnswers {
  const begun: Promise<void>[] = [];
  const send = async (speaker: Speaker, answer: string, words: string): Promise<void> => {
    const id = `${answer}.spoken`;
    if (await outbox.has(id)) return;
    const about = { type: 'audio/ogg', name: 'answer.ogg' };
    const file = await files.put(await speaker(words, signal), about, conversation);
    signal.throwIfAborted();
    await outbox.put([{ id, conversation, turn, text: '', file, aside: true }], fence);
  };
  return {
    begin(answer, text) {
      const words = spokenText(text);
      if (!speak || words === undefined) return;
      const run = send(speak, answer, words).catch((error: unknown) => {
        if (error instanceof FencedError) throw error;
        if (!signal.aborted)
          log.warn({ reason: reportError(error).message }, 'an answer was not spoken');
      });
      // A rejection waits for `settle`.
      run.catch(() => undefined);
      begun.push(run);
    },
    async settle() {
      await Promise.all(begun);
    },
  };
}
