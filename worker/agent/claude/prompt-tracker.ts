import { randomUUID } from 'node:crypto';
import type { UUID } from 'node:crypto';
import type { AgentEvent, AgentTurn, Attachment, Prompt, Usage } from '../agent.ts';
import type { AsyncQueue } from '../async-queue.ts';
import { overtakenNote, raisedNote, resumeNote } from './instructions.ts';
import type { LiveSession } from './session.ts';
import { promptId } from './prompt-id.ts';
import { findPrompt } from './transcript.ts';
import type { PromptState } from './transcript.ts';
import type { Translation } from './translate.ts';

/** The account of which prompts of a turn wait for an answer. */
export type PromptTracker = {
  /**
   * Gives every prompt to Claude Code that has not had it before. Ends when the turn's prompts are
   * closed and handed over.
   */
  feed(): Promise<void>;
  /** A prompt has left Claude Code's queue. */
  take(uuid: string): void;
  /** A tool has begun, or ended. */
  noteTool(id: string, isRunning: boolean): void;
  /** A prompt was dropped: Claude Code has had it, though the transcript did not say so. */
  askAgain(uuid: string): void;
  /** What waits for an answer was refused for its cost and may go on now. */
  goOn(): void;
  answer(result: Extract<Translation, { kind: 'result' }>): void;
};

const noUsage: Usage = { inputTokens: 0, outputTokens: 0, costUsd: 0, isBooked: true };

/** Keeps the account, and closes the events when the last prompt is answered. */
export function createPromptTracker(
  live: LiveSession,
  turn: AgentTurn,
  events: AsyncQueue<AgentEvent>,
): PromptTracker {
  /** What was given to Claude Code, by its uuid, and the prompts that this answers. */
  const pending = new Map<string, string[]>();
  let continuation: string[] | undefined;
  /** `hasNewer`: something was given that Claude Code had not had before. */
  let [closed, hasNewer] = [false, false];
  /** Given and not taken up yet. */
  const queued = new Set<string>();
  const tools = new Set<string>();
  let change = Promise.withResolvers<void>();
  const announce = (): void => {
    change.resolve();
    change = Promise.withResolvers();
  };
  const takeUsage = createUsageTaker(live);
  const finishIfDone = (): void => {
    if (closed && pending.size === 0) events.close();
  };

  /**
   * Hands a text over while a tool runs, at whose end the model gets all that waits, or once the
   * one before has left Claude Code's queue. Of texts that wait together for the end of an answer
   * the transcript keeps only the last one's uuid, and after a crash the others would be asked
   * again; so no two do.
   */
  const give = async (
    uuid: UUID,
    text: string,
    prompts: string[],
    attachments?: Attachment[],
  ): Promise<void> => {
    while (queued.size > 0 && tools.size === 0) await change.promise;
    pending.set(uuid, prompts);
    queued.add(uuid);
    live.send(uuid, text, attachments);
  };

  const lookUp = async (uuid: UUID): Promise<PromptState> => {
    if (!live.resumed && !live.sent.has(uuid)) return { state: 'absent' };
    return findPrompt(await live.transcript(), uuid);
  };

  const ask = async (prompt: Prompt): Promise<void> => {
    const uuid = promptId(prompt.id);
    const known = await lookUp(uuid);
    hasNewer ||= known.state === 'absent';
    if (known.state === 'absent')
      return await give(uuid, prompt.text, [prompt.id], prompt.attachments);
    if (known.state === 'answered')
      return events.push({
        kind: 'answer',
        id: known.id,
        text: known.text,
        prompts: [prompt.id],
        usage: noUsage,
        remembered: true,
      });
    // Claude Code passes over a uuid that it has had, so going on is asked for under a new one.
    // What is not the last that was said is named, also before the answer to something newer is
    // written down.
    if (known.overtaken || (hasNewer && !continuation))
      return await give(randomUUID(), overtakenNote(prompt.text), [prompt.id]);
    if (continuation) return void continuation.push(prompt.id);
    continuation = [prompt.id];
    await give(randomUUID(), [resumeNote, prompt.recall].filter(Boolean).join('\n'), continuation);
  };

  return {
    async feed() {
      for await (const prompt of turn.prompts) await ask(prompt);
      closed = true;
      finishIfDone();
    },
    take(uuid) {
      if (queued.delete(uuid)) announce();
    },
    noteTool(id, isRunning) {
      if (isRunning) tools.add(id);
      else tools.delete(id);
      announce();
    },
    askAgain(uuid) {
      const prompts = pending.get(uuid);
      if (!prompts) return;
      if (queued.delete(uuid)) announce();
      pending.delete(uuid);
      void give(randomUUID(), resumeNote, prompts);
    },
    goOn() {
      const prompts = [...pending.values()].flat();
      pending.clear();
      queued.clear();
      continuation = undefined;
      announce();
      if (prompts.length > 0) void give(randomUUID(), raisedNote, prompts);
      else finishIfDone();
    },
    answer({ id, text, uuids }) {
      const consumed = uuids.filter((uuid) => pending.has(uuid));
      // Not an answer to the person: Claude Code began by itself.
      if (consumed.length === 0) return;
      const prompts = consumed.flatMap((uuid) => pending.get(uuid) ?? []);
      for (const uuid of consumed) {
        if (pending.get(uuid) === continuation) continuation = undefined;
        pending.delete(uuid);
      }
      events.push({ kind: 'answer', id, text, prompts, usage: takeUsage() });
      finishIfDone();
    },
  };
}

/** Gives at each call what the session has used since the one before, or since it was made. */
function createUsageTaker({ model }: LiveSession): () => Usage {
  let counted = model.used();
  return () => {
    const before = counted;
    counted = model.used();
    const { costUsd, inputTokens, outputTokens } = counted;
    return {
      inputTokens: inputTokens - before.inputTokens,
      outputTokens: outputTokens - before.outputTokens,
      isBooked: true,
      // Fractions of a dollar do not subtract exactly; millionths do.
      costUsd: Math.round((costUsd - before.costUsd) * 1e6) / 1e6,
    };
  };
}
