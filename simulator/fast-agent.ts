import { randomUUID } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import type { Agent, AgentTurn, Prompt } from '../worker/agent/agent.ts';

const Entry = z.union([z.object({ prompt: z.string() }), z.object({ answered: z.string(), id: z.string(), text: z.string() })]);
type Entry = z.infer<typeof Entry>;

export type FastAgentOptions = {
  /** Where its transcripts are, one file a session. */
  dir: string;
  /** What it answers to a text; may take its time. `tool` reports a step. */
  answer: (text: string, turn: AgentTurn, tool: (name: string) => void) => Promise<string>;
};

/**
 * An agent without a model, for tests of everything around it: it keeps a transcript on disk, so it can be killed and resumed like Claude
 * Code, and keeps the same contract.
 */
export function createFastAgent({ dir, answer }: FastAgentOptions): Agent {
  const fileOf = (session: string): string => path.join(dir, `${session}.jsonl`);
  const read = async (session: string): Promise<Entry[]> => {
    const text = await readFile(fileOf(session), 'utf8').catch(() => '');
    // A line that a kill has cut short was not said.
    return text.split('\n').flatMap((line) => parseLine(line));
  };
  return {
    async *work(turn) {
      await mkdir(dir, { recursive: true });
      turn.signal.throwIfAborted();
      const session = turn.session ?? randomUUID();
      yield { kind: 'session', id: session };
      for await (const prompt of turn.prompts) {
        const known = (await read(session)).find((entry) => 'answered' in entry && entry.answered === prompt.id);
        if (known && 'answered' in known) {
          yield { kind: 'answer', id: known.id, text: known.text, prompts: [prompt.id], usage: noUsage };
          continue;
        }
        await appendFile(fileOf(session), `${JSON.stringify({ prompt: prompt.id })}\n`);
        const tools: string[] = [];
        const text = await untilAborted(turn.signal, think(answer, prompt, turn, tools));
        for (const name of tools) yield { kind: 'tool', id: randomUUID(), name, summary: '', timeoutMs: undefined };
        const id = randomUUID();
        await appendFile(fileOf(session), `${JSON.stringify({ answered: prompt.id, id, text })}\n`);
        yield { kind: 'answer', id, text, prompts: [prompt.id], usage: { inputTokens: 10, outputTokens: 10, costUsd: 0.001 } };
      }
    },
    release: async () => undefined,
    stop: async () => undefined,
  };
}

const noUsage = { inputTokens: 0, outputTokens: 0, costUsd: 0 };

function think(answer: FastAgentOptions['answer'], prompt: Prompt, turn: AgentTurn, tools: string[]): Promise<string> {
  return answer(prompt.text, turn, (name) => void tools.push(name));
}

function parseLine(line: string): Entry[] {
  try {
    const entry = Entry.safeParse(JSON.parse(line));
    return entry.success ? [entry.data] : [];
  } catch {
    return [];
  }
}

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
