import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { AgentFailure } from '../worker/agent/agent-failure.ts';
import type { Agent, AgentEvent, AgentTurn, Prompt } from '../worker/agent/agent.ts';
import type { Home } from '../worker/agent/homes/home.ts';
import type { AskedMessage, MessageState } from '../worker/agent/message-state.ts';

const Entry = z.union([
  z.object({ prompt: z.string() }),
  z.object({ answered: z.string(), id: z.string(), text: z.string() }),
]);
type Entry = z.infer<typeof Entry>;
type Answer = Extract<AgentEvent, { kind: 'answer' }>;

export type FastAgentOptions = {
  /** Where its transcripts are, one file a session; may depend on the person's home. */
  dir: string | ((home: Home) => string);
  /** Its answer to a text; may take a while. `tool` reports a step. */
  answer: (text: string, turn: AgentTurn, tool: (name: string) => void) => Promise<string>;
  /** Called when an answer is in the transcript and not yet reported: crash tests die here. */
  onAnswered?: (text: string) => void;
};

/**
 * An agent without a model, for tests of everything around it: it keeps a transcript on disk, so it
 * can be killed and resumed like Claude Code, and keeps the same contract. It has no background
 * processes, so it resumes a prompt by answering it from the start.
 */
export function createFastAgent({ dir, answer, onAnswered }: FastAgentOptions): Agent {
  const stopping = new AbortController();
  const fileOf = (home: Home, session: string): string =>
    path.join(typeof dir === 'string' ? dir : dir(home), `${session}.jsonl`);

  async function* answerPrompt(
    file: string,
    prompt: Prompt,
    turn: AgentTurn,
    signal: AbortSignal,
  ): AsyncGenerator<AgentEvent> {
    const entries = await readEntries(file);
    const known = entries.find((entry) => 'answered' in entry && entry.answered === prompt.id);
    if (known && 'answered' in known) {
      yield { ...createAnswer(prompt, known.id, known.text, 0), remembered: true };
      return;
    }
    if (!entries.some((entry) => 'prompt' in entry && entry.prompt === prompt.id))
      await appendFile(file, `${JSON.stringify({ prompt: prompt.id })}\n`);
    const tools: string[] = [];
    const text = await untilAborted(
      signal,
      answer(prompt.text, turn, (name) => void tools.push(name)),
    );
    for (const name of tools) {
      const id = randomUUID();
      yield { kind: 'tool', id, name, summary: '', timeoutMs: undefined };
      yield { kind: 'tool-end', id, failed: false };
    }
    const id = randomUUID();
    await appendFile(file, `${JSON.stringify({ answered: prompt.id, id, text })}\n`);
    onAnswered?.(prompt.text);
    yield createAnswer(prompt, id, text, 10);
  }

  return {
    async *work(turn) {
      turn.signal.throwIfAborted();
      const signal = AbortSignal.any([turn.signal, stopping.signal]);
      const session = turn.session ?? randomUUID();
      const file = fileOf(turn.home, session);
      await mkdir(path.dirname(file), { recursive: true });
      yield { kind: 'session', id: session };
      const prompts = turn.prompts[Symbol.asyncIterator]();
      for (;;) {
        const next = await untilAborted(signal, prompts.next());
        if (next.done) return;
        yield* answerPrompt(file, next.value, turn, signal);
      }
    },
    async lookUpMessages({ home, session }, messages) {
      const file = fileOf(home, session);
      const began = await stat(file).catch(() => undefined);
      const entries = await readEntries(file);
      const stateOf = ({ id, at }: AskedMessage): MessageState => {
        if (entries.some((entry) => 'answered' in entry && entry.answered === id))
          return 'answered';
        return entries.some((entry) => 'prompt' in entry && entry.prompt === id)
          ? 'unanswered'
          : began === undefined
            ? 'lost'
            : Date.parse(at) < began.birthtimeMs
              ? 'before'
              : 'absent';
      };
      return new Map(messages.map((message) => [message.id, stateOf(message)]));
    },
    release: async () => undefined,
    async stop() {
      stopping.abort(new AgentFailure('died', 'the agent was stopped'));
    },
  };
}

/** `tokens` and the price made of them are invented, so that sums can be checked. */
function createAnswer(prompt: Prompt, id: string, text: string, tokens: number): Answer {
  return {
    kind: 'answer',
    id,
    text,
    prompts: [prompt.id],
    usage: { inputTokens: tokens, outputTokens: tokens, costUsd: tokens / 10_000 },
  };
}

async function readEntries(file: string): Promise<Entry[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  // A line that a kill has truncated does not count.
  return text.split('\n').flatMap((line) => parseLine(line));
}

function parseLine(line: string): Entry[] {
  try {
    const entry = Entry.safeParse(JSON.parse(line));
    return entry.success ? [entry.data] : [];
  } catch {
    return [];
  }
}

/** Waits for `work`, or rejects with the signal's reason; the work is then left to itself. */
async function untilAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal.aborted) onAbort();
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    work.catch(() => undefined);
    aborted.promise.catch(() => undefined);
  }
}
