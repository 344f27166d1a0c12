import path from 'node:path';
import type { Job } from 'bullmq';
import { expect } from 'vitest';
import { createPeopleStore } from '../../shared/store/people.ts';
import { createTurns } from '../../shared/store/queues.ts';
import type { TurnData, TurnResult } from '../../shared/store/queues.ts';
import type { ChatMessage } from '../../simulator/chat.ts';
import { runScriptedModel } from '../../simulator/model/scripted-model.ts';
import type { ScriptedModel } from '../../simulator/model/scripted-model.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { findChromium } from '../../worker/agent/mcp/browser.ts';
import { createClaudeAgent } from '../../worker/agent/claude/agent.ts';
import type {
  ClaudeOptions,
  PoolOptions,
  SessionOptions,
} from '../../worker/agent/claude/agent.ts';
import { workspaceOf as workspaceIn } from '../../worker/agent/homes/home.ts';
import { findMarked } from '../../worker/agent/sandbox/processes.ts';
import { parseWorkerConfig } from '../../worker/config.ts';
import { accountingOf } from '../../worker/production-agent.ts';
import { otherPhone, phone, withPipeline } from './pipeline.ts';
import type { Pipeline, WorkerChange } from './pipeline.ts';
import { scaled } from './machine-speed.ts';
import { until } from './until.ts';

export const modelKey = 'sk-ant-key-of-this-test';

/**
 * The whole path, from a phone to the real Claude Code with its browser and back; only the model is
 * scripted.
 */
export type StoryBench = Pipeline & {
  model: ScriptedModel;
  /** Stops the worker as a restart does, and starts another. */
  restartWorker(): Promise<void>;
  jobs(state: 'completed' | 'failed' | 'active'): Promise<Job<TurnData, TurnResult>[]>;
  logs(job: Job): Promise<string[]>;
};

export type StoryOptions = {
  /** Stories that the model tells before its standard ones. */
  stories?: readonly Story[];
  /** Whether its answers name cached tokens, too. */
  withCache?: boolean;
  /** Variables for relay and worker. */
  environment?: Record<string, string>;
  /** What is different about the agent. */
  agent?: Partial<
    Pick<ClaudeOptions, 'secrets'> &
      Pick<SessionOptions, 'suggests' | 'modelPatienceMs'> &
      Pick<PoolOptions, 'maxLive'>
  >;
  /** What the model suggests as the person's next prompt. */
  suggestion?: string;
  /** What is different about the worker. */
  worker?: WorkerChange;
};

/** What a phone has got so far, in words, oldest first. */
export const texts = (bench: Pipeline, from = phone): string[] =>
  bench.replies(from).map((reply) => reply.text);

/** Waits for a reply that has this in its words. */
export const said = (bench: Pipeline, part: string, from = phone): Promise<ChatMessage> =>
  until(part, () => bench.replies(from).find((reply) => reply.text.includes(part)));

/** Taps a button or a line of a list under a message, as a phone does. */
export async function tap(bench: Pipeline, message: ChatMessage, title: string): Promise<string> {
  const choice = [...message.buttons, ...(message.list?.items ?? [])].find(
    (button) => button.title === title,
  );
  if (!choice)
    throw new Error(
      `no button “${title}” among ${message.buttons.map((button) => button.title).join(', ')}`,
    );
  return (
    await bench.twin.chat.receive(message.phone, {
      choice: { id: choice.id, title, kind: message.list ? 'list' : 'button' },
      quoted: message.sid,
    })
  ).sid;
}

/**
 * The same bench from here on: what a phone has got before is not among its replies, so that one
 * conversation can serve one story after the other.
 */
export function fromHere(bench: StoryBench): StoryBench {
  const got = new Map([phone, otherPhone].map((of) => [of, bench.replies(of).length]));
  return { ...bench, replies: (from = phone) => bench.replies(from).slice(got.get(from)) };
}

/** The directory of a phone's person. */
export async function homeOf(bench: Pipeline, from = phone): Promise<string> {
  return path.join(bench.dataDir, 'people', await createPeopleStore(bench.redis).idOf(from));
}

/** Where Claude works for a phone. */
export async function workspaceOf(bench: Pipeline, from = phone): Promise<string> {
  return workspaceIn({ directory: await homeOf(bench, from) }, from);
}

/** Creates the real Claude Code with its browser for the pipeline's disk; only the model is scripted. */
export function createScriptedClaude(
  pipeline: Pick<Pipeline, 'environment' | 'dataDir' | 'log'>,
  model: ScriptedModel,
  agent: NonNullable<StoryOptions['agent']> = {},
): NonNullable<WorkerChange['createAgent']> {
  return async (owner, redis, secretsOf, home) =>
    createClaudeAgent({
      dataDir: pipeline.dataDir,
      owner,
      log: pipeline.log,
      accounting: accountingOf(
        parseWorkerConfig({ ...pipeline.environment, PORT: '0' }),
        redis,
        home,
      ),
      environment: { host: process.env, variablesOf: secretsOf },
      session: {
        chromium: await findChromium(process.env['PATH'] ?? ''),
        suggests: agent.suggests ?? false,
        modelPatienceMs: agent.modelPatienceMs ?? scaled(30_000),
      },
      pool: { maxLive: agent.maxLive ?? 3, idleMs: 60_000 },
      secrets: {
        ANTHROPIC_API_KEY: modelKey,
        ...agent.secrets,
        ANTHROPIC_BASE_URL: model.url,
      },
    });
}

/**
 * Runs the pipeline with the real Claude Code, the real browser and a scripted model; at the end no
 * process of the agent is left.
 */
export async function withStory(
  {
    stories = [],
    withCache = false,
    environment = {},
    agent = {},
    suggestion = 'silence',
    worker = {},
  }: StoryOptions,
  use: (bench: StoryBench) => Promise<void>,
): Promise<void> {
  const model = await runScriptedModel({ quiet: true, stories, withCache, suggestion });
  const owners: { owner: string; dataDir: string }[] = [];
  try {
    await withPipeline(
      { environment: { ANTHROPIC_API_KEY: modelKey, ...environment } },
      async (pipeline) => {
        const startWorker = (change: WorkerChange = {}) =>
          pipeline.startWorker({
            createAgent: async (owner, ...rest) => {
              owners.push({ owner, dataDir: pipeline.dataDir });
              return await createScriptedClaude(pipeline, model, agent)(owner, ...rest);
            },
            ...worker,
            ...change,
          });
        let running = await startWorker();
        const turns = createTurns(pipeline.redis);
        try {
          await use({
            ...pipeline,
            startWorker,
            model,
            async restartWorker() {
              await running.stop();
              running = await startWorker();
            },
            jobs: (state) => turns.queue.getJobs([state]),
            logs: async (job) => (await turns.queue.getJobLogs(job.id ?? '')).logs,
          });
        } finally {
          await turns.close();
        }
      },
    );
  } finally {
    await model.stop();
  }
  // Other tests on this machine have workers of the same name, in directories of their own.
  expect(
    (await findMarked()).filter(({ mark }) =>
      owners.some(
        ({ owner, dataDir }) => mark.startsWith(`${owner}/`) && mark.endsWith(`@${dataDir}`),
      ),
    ),
  ).toEqual([]);
}
