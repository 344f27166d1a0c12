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

/** Tracks which prompts of a turn are unanswered. */
export type PromptTracker = {
  /**
   * Sends every prompt that Claude Code has not received before. Ends when the turn's prompts are
   * closed and delivered.
   */
  feed(): Promise<void>;
  /** A prompt has left Claude Code's queue. */
  take(uuid: string): void;
  /** A tool has started or ended. */
  noteTool(id: string, isRunning: boolean): void;
  /**
   * Claude Code dropped a prompt because it had received it before, though the transcript did not
   * say so.
   */
  askAgain(uuid: string): void;
  /** The unanswered prompts were refused for their cost and may go on now. */
  goOn(): void;
  answer(result: Extract<Translation, { kind: 'result' }>): void;
};

const noUsage: Usage = { inputTokens: 0, outputTokens: 0, costUsd: 0, isBooked: true };

/** Creates the tracker, which closes the events when the last prompt is answered. */
export function createPromptTracker(
  live: LiveSession,
  turn: AgentTurn,
  events: AsyncQueue<AgentEvent>,
): PromptTracker {
  /** What was sent to Claude Code, by uuid, and the prompts that each text answers. */
  const pending = new Map<string, string[]>();
  let continuation: string[] | undefined;
  /** `hasNewer`: a prompt was sent that Claude Code had not received before. */
  let [closed, hasNewer] = [false, false];
  /** Sent and not taken up yet. */
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
   * Sends a text while a tool runs, because the model gets all queued texts when the tool ends, or
   * once the previous text has left Claude Code's queue. When several texts wait for the end of an
   * answer, the transcript keeps only the last one's uuid, and after a crash the others would be
   * asked again; so at most one waits there.
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
    // Claude Code ignores a uuid that it has seen, so the request to go on uses a new one. If the
    // message is not the most recent, the note names it, even before the answer to a newer one is
    // written.
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
      // Claude Code started by itself, so this does not answer the person.
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

/** Returns, at each call, the session's usage since the previous call or since creation. */
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
