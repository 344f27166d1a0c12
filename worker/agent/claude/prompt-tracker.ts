import { randomUUID } from 'node:crypto';
import type { UUID } from 'node:crypto';
import type { AgentEvent, AgentTurn, Attachment, Prompt, Usage, Words } from '../agent.ts';
import type { AsyncQueue } from '../async-queue.ts';
import { endedNote, overtakenNote, raisedNote, resumeNote } from './instructions.ts';
import type { LiveSession } from './session.ts';
import { promptId } from './prompt-id.ts';
import { findPrompt, findReports, findUnspoken } from './transcript/transcript.ts';
import type { PromptState, TranscriptEntry } from './transcript/transcript.ts';
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
  /** Claude may have stopped speaking, or calling the chat's tools. */
  closeBackground(): void;
  /** The unanswered prompts were refused for their cost and may continue now. */
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
  /** The prompts that a request to report on ended work answers. */
  let report: string[] | undefined;
  /** What an interrupted run has said about prompts that continue. */
  let before: Words[] = [];
  /** `hasNewer`: a prompt was sent that Claude Code had not received before. */
  let [closed, hasNewer] = [false, false];
  /** The person's words of each prompt. */
  const requests = new Map<string, string>();
  /** What Claude is to know when it goes on, as the latest prompt says. */
  let recall: string | undefined;
  const withRecall = (note: string): string => [note, recall].filter(Boolean).join('\n');
  /** Prompts that wait for what Claude says by itself. */
  const awaited: string[] = [];
  /** Tasks whose loss this turn has said: two messages may name the same. */
  const lostBefore = new Set<string>();
  /** Prompts that Claude answers with what it says by itself now. */
  const sharing: string[] = [];
  /** What Claude has said by itself in this turn, the latest. */
  let spoken: { id: string; text: string; earlier: Words[] } | undefined;
  /** Sent and not taken up yet, also by an earlier turn. */
  const queued = new Set<string>(live.open.queued());
  const tools = new Set<string>();
  let change = Promise.withResolvers<void>();
  const announce = (): void => {
    change.resolve();
    change = Promise.withResolvers();
  };
  const takeUsage = createUsageTaker(live);
  const finishIfDone = (): void => {
    // A helper in the background may ask the person through this turn.
    const isAsking = live.isSpeaking && pending.size === 0 && live.background.length > 0;
    const waits = pending.size > 0 || awaited.length > 0 || sharing.length > 0;
    if (closed && !waits && !isAsking) events.close();
  };
  const answerWith = (
    id: string,
    words: { text: string; earlier?: Words[] },
    prompts: string[],
  ): void => {
    const about = live.takeEnded(id);
    events.push({
      kind: 'answer',
      id,
      text: words.text,
      ...(words.earlier && words.earlier.length > 0 ? { earlier: words.earlier } : {}),
      ...(about.length > 0 ? { about } : {}),
      prompts,
      usage: takeUsage(),
    });
  };
  /** Ends the prompts about the background when Claude has nothing more to say. */
  const closeBackground = (): void => {
    if (awaited.length > 0 && !live.isSpeaking)
      answerWith(awaited[0] ?? '', { text: '' }, awaited.splice(0));
    finishIfDone();
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
    live.send(uuid, text, requests.get(prompts.at(-1) ?? '') ?? '', attachments);
  };

  const lookUp = async (uuid: UUID, isAskedAgain?: boolean): Promise<PromptState> => {
    if (!live.resumed && !live.sent.has(uuid)) return { state: 'absent' };
    const known = findPrompt(await live.transcript(), uuid, isAskedAgain);
    // The transcript is written a moment after the answer.
    const isOpen = known.state === 'unanswered' && known.isOpen && live.sent.has(uuid);
    return isOpen && spoken ? { state: 'answered', ...spoken } : known;
  };

  /**
   * The process that had the tasks has said, or says now, what there is; any other has to look,
   * also when it has work of its own.
   */
  const askAboutBackground = async (
    prompt: Prompt,
    { tasks, about, ended }: NonNullable<Prompt['background']>,
  ): Promise<void> => {
    awaited.push(prompt.id);
    const ids = [...tasks.map(({ id }) => id), ...ended];
    if (live.hasHad(ids) || (ids.length === 0 && !live.resumed)) return closeBackground();
    const entries = await live.transcript();
    const lost = takeLost(tasks, entries, lostBefore);
    for (const said of saidBefore(entries, tasks, about, ids)) events.push(said);
    const isUnanswered = findUnspoken(entries, ids)?.state === 'unanswered';
    if (isUnanswered && !(report && lost.length > 0)) {
      awaited.splice(awaited.indexOf(prompt.id), 1);
      // Two messages may be about the same end: Claude is asked once.
      if (report) return void report.push(prompt.id);
      report = [prompt.id];
      return await give(randomUUID(), endedNote(lost), report);
    }
    if (lost.length > 0) {
      awaited.splice(awaited.indexOf(prompt.id), 1);
      answerWith(prompt.id, { text: lostWords(lost) }, [prompt.id]);
    }
    closeBackground();
  };

  const ask = async (prompt: Prompt): Promise<void> => {
    if (prompt.background) return await askAboutBackground(prompt, prompt.background);
    requests.set(prompt.id, prompt.about ?? prompt.text);
    recall = prompt.recall;
    const uuid = promptId(prompt.id);
    // The process goes on with what an ended turn has sent.
    if (live.open.all().includes(uuid)) return void pending.set(uuid, [prompt.id]);
    const known = await lookUp(uuid, prompt.isAskedAgain);
    hasNewer ||= known.state === 'absent';
    if (known.state === 'absent')
      return await give(uuid, prompt.text, [prompt.id], prompt.attachments);
    if (known.state === 'answered') {
      // In one step with the answer: after a crash in between, the others would count as begun
      // again, and be given up in the end although their answer was sent.
      const others = [...(turn.taken?.() ?? [])].filter((id) => id !== prompt.id);
      const covers = answeredBy(known.id, others, await live.transcript());
      return events.push({
        kind: 'answer',
        id: known.id,
        text: known.text,
        ...(known.earlier.length > 0 ? { earlier: known.earlier } : {}),
        prompts: [prompt.id],
        ...(covers.length > 0 ? { covers } : {}),
        usage: noUsage,
        remembered: true,
      });
    }
    if (known.isOpen && live.isSpeaking && pending.size === 0) return void sharing.push(prompt.id);
    const isNews = ({ id }: Words): boolean => !before.some((words) => words.id === id);
    before.push(...known.earlier.filter(isNews));
    // Claude Code ignores a uuid that it has seen, so the request to go on uses a new one. If the
    // message is not the most recent, the note names it, even before the answer to a newer one is
    // written. The process may still have a newer one of an ended turn.
    const isBehind = live.open.all().some((open) => !pending.has(open));
    if (known.overtaken || isBehind || (hasNewer && !continuation))
      return await give(randomUUID(), overtakenNote(prompt.text, uuid), [prompt.id]);
    if (continuation) return void continuation.push(prompt.id);
    continuation = [prompt.id];
    await give(randomUUID(), withRecall(resumeNote), continuation);
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
      if (queued.delete(uuid)) announce();
      const prompts = pending.get(uuid);
      if (!prompts) return;
      pending.delete(uuid);
      void give(randomUUID(), withRecall(resumeNote), prompts);
    },
    goOn() {
      const prompts = [...pending.values()].flat();
      pending.clear();
      queued.clear();
      [continuation, report] = [undefined, undefined];
      announce();
      if (prompts.length > 0) void give(randomUUID(), withRecall(raisedNote), prompts);
      else finishIfDone();
    },
    closeBackground,
    answer({ id, text, earlier, uuids, isSelfBegun }) {
      const consumed = uuids.filter((uuid) => pending.has(uuid));
      if (consumed.length === 0) {
        // Claude Code started by itself: the answer is about its work in the background.
        if (isSelfBegun) spoken = { id, text, earlier };
        if (isSelfBegun)
          answerWith(id, { text, earlier }, [...awaited.splice(0), ...sharing.splice(0)]);
        return closeBackground();
      }
      const prompts = [
        ...consumed.flatMap((uuid) => pending.get(uuid) ?? []),
        ...sharing.splice(0),
      ];
      for (const uuid of consumed) {
        if (pending.get(uuid) === continuation) continuation = undefined;
        if (pending.get(uuid) === report) report = undefined;
        pending.delete(uuid);
      }
      // What has ended meanwhile is part of this answer.
      live.takeEnded(id);
      answerWith(id, { text, earlier: [...before, ...earlier] }, prompts);
      before = [];
      closeBackground();
    },
  };
}

/**
 * What an earlier process has said of these tasks and those that ended after them, which no turn may
 * have heard.
 */
function saidBefore(
  entries: TranscriptEntry[],
  tasks: NonNullable<Prompt['background']>['tasks'],
  about: readonly string[],
  ids: readonly string[],
): AgentEvent[] {
  return findReports(entries, ids).map(({ answer: { id, text, earlier }, ids: told }) => {
    // With the heading that it was sent with: a restored store looks the text up in Twilio's list.
    const requests = tasks.flatMap((task) => (told.includes(task.id) ? [task.request ?? ''] : []));
    const isAsked = told.length > 0 || ids.length === 0;
    const named = [...new Set([...(isAsked ? about : []), ...requests])].filter(Boolean);
    return {
      kind: 'answer',
      id,
      text,
      ...(earlier.length > 0 ? { earlier } : {}),
      ...(named.length > 0 ? { about: named } : {}),
      prompts: [],
      usage: noUsage,
      remembered: true,
    };
  });
}

/**
 * The tasks that ended without a word, except those that are `known` to be lost; adds them there.
 */
function takeLost<Task extends { id: string }>(
  tasks: readonly Task[],
  entries: readonly TranscriptEntry[],
  known: Set<string>,
): Task[] {
  const isTold = ({ id }: Task): boolean =>
    entries.some((entry) => entry.kind === 'notice' && entry.text.includes(id));
  const lost = tasks.filter((task) => !known.has(task.id) && !isTold(task));
  for (const { id } of lost) known.add(id);
  return lost;
}

/** Which of these messages an answer of an earlier run has answered. */
function answeredBy(answer: string, messages: string[], entries: TranscriptEntry[]): string[] {
  return messages.filter((id) => {
    const known = findPrompt(entries, promptId(id));
    return known.state === 'answered' && known.id === answer;
  });
}

/** The sentence about work that ended silently, with the computer or the process. */
function lostWords(lost: { description: string }[]): string {
  const names = lost.map(({ description }) => `“${description}”`).join(', ');
  return `The computer or Claude Code was restarted, and what still ran in the background ended with it: ${names}. Text me if I shall begin it again.`;
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
