import type { ChatMessage } from '../../simulator/chat.ts';
import type { AgentTurn, Approval } from '../../worker/agent/agent.ts';
import { describeRequest } from '../../worker/agent/claude/approval-request.ts';
import { withPipeline } from './pipeline.ts';
import type { Pipeline, PipelineOptions } from './pipeline.ts';
import { until } from './until.ts';

/** What Claude Code suggests for most commands. */
export const suggestions = [
  { type: 'addRules', rules: [{ toolName: 'Bash' }] },
  { type: 'setMode', mode: 'acceptEdits' },
];

/**
 * An agent that asks for leave: `run CMD`, each line of `all` another command, `write TEXT`, `plan
 * TEXT`, `colour`. It answers what it was told; anything else it calls a prompt. Told to do after
 * all what it had asked, it runs it twice.
 */
export async function askLeave(text: string, { tools, signal }: AgentTurn): Promise<string> {
  const [verb = '', rest = ''] = /^(\w+)\s+([^]*)$/.exec(text)?.slice(1) ?? [];
  const run = async (command: string): Promise<string> =>
    `${command.slice(0, 20)}: ${written(await tools.approve(describeRequest('Bash', { command }, { suggestions }), signal))}`;
  const after = /command\? ([^”]*)”[^]*Yes, do it$/.exec(text)?.[1];
  if (after !== undefined) return `${await run(after)}, then ${await run(after)}`;
  if (verb === 'run') return await run(rest);
  if (verb === 'all') return (await Promise.all(rest.split('\n').map(run))).join('\n');
  if (verb === 'write')
    return written(
      await tools.approve(
        describeRequest('Write', { file_path: '/w/a.txt', content: rest }),
        signal,
      ),
    );
  if (verb === 'plan')
    return `plan: ${JSON.stringify(await tools.decidePlan(rest === 'none' ? undefined : rest, signal))}`;
  if (verb === 'colour')
    return `colour: ${(await tools.ask([{ question: 'Which?', options: [{ label: 'Red' }, { label: 'Blue' }], multiple: false }], signal)).join()}`;
  return `prompt ${text}`;
}

/** An answer in words. */
export const written = (approval: Approval): string =>
  typeof approval === 'string' ? approval : `no, ${approval.no}`;

export type LeaveBench = Pipeline & {
  worker: { stop(): Promise<void> };
  /** Waits for the reply after `from` that has this in it. */
  said(part: string, from?: number): Promise<ChatMessage>;
  texts(): string[];
  quoteWith(message: ChatMessage, text: string): Promise<void>;
};

/** The pipeline in the mode `ask`, with that agent. */
export async function withLeave(
  use: (bench: LeaveBench) => Promise<void>,
  options: PipelineOptions = {},
): Promise<void> {
  await withPipeline(
    { ...options, environment: { PERMISSIONS: 'ask', ...options.environment } },
    async (pipeline) => {
      const worker = await pipeline.startWorker({ answer: askLeave });
      await use({
        ...pipeline,
        worker,
        said: (part, from = 0) =>
          until(part, () =>
            pipeline
              .replies()
              .slice(from)
              .find(({ text }) => text.includes(part)),
          ),
        texts: () => pipeline.replies().map(({ text }) => text),
        quoteWith: async ({ phone: from, sid }, text) =>
          void (await pipeline.twin.chat.receive(from, { text, quoted: sid })),
      });
    },
  );
}
