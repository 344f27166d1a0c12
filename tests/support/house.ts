import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { runScriptedModel } from '../../simulator/model/scripted-model.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { findMarked } from '../../worker/agent/sandbox/processes.ts';
import { withPipeline } from './pipeline.ts';
import type { Pipeline } from './pipeline.ts';
import { startSeparateWorker } from './separate-worker.ts';
import type { SeparateWorker } from './separate-worker.ts';

export type House = Pipeline & {
  environment: Record<string, string>;
  secrets: Record<string, string>;
  start(change?: Record<string, string>, user?: 'worker' | 'agent'): Promise<SeparateWorker>;
  /** The worker that is at work, as a user of its own; it is started by the first that asks. */
  worker(): Promise<SeparateWorker>;
  told(): string;
};

/** The model's stories, and further variables of the worker. */
export type HouseOptions = { stories: Story[]; environment?: Record<string, string> };

/**
 * The whole system with a Redis that asks for a password, and a worker and an agent of different
 * users.
 */
export async function withHouse(
  { stories, environment: extra = {} }: HouseOptions,
  use: (house: House) => Promise<void>,
): Promise<void> {
  const invent = (): string => randomBytes(12).toString('hex');
  const secrets = {
    redis: invent(),
    model: `sk-ant-api03-${invent()}`,
    wake: invent(),
    transcriber: invent(),
    speaker: invent(),
    twilio: 'test-auth-token',
  };
  const model = await runScriptedModel({ quiet: true, stories });
  const workers: SeparateWorker[] = [];
  try {
    await withPipeline({ environment: { WAKE_SECRET: secrets.wake } }, async (pipeline) => {
      await pipeline.redis.config('SET', 'requirepass', secrets.redis);
      const environment = {
        ...pipeline.environment,
        PORT: '0',
        WORKER_ID: `house-${invent()}`,
        REDIS_URL:
          pipeline.environment['REDIS_URL']?.replace('://', `://default:${secrets.redis}@`) ?? '',
        ANTHROPIC_API_KEY: secrets.model,
        ANTHROPIC_BASE_URL: model.url,
        TRANSCRIBE_API_KEY: secrets.transcriber,
        SPEAK_API_KEY: secrets.speaker,
        GITHUB_TOKEN: 'github_pat_reachable',
        LOG_LEVEL: 'debug',
        // No prewarmed process is started, which would take as long as the one that works.
        MAX_LIVE_AGENTS: '1',
        ...extra,
      };
      const start: House['start'] = async (change = {}, user = 'worker') => {
        const worker = await startSeparateWorker({ ...environment, ...change }, user);
        workers.push(worker);
        return worker;
      };
      await use({
        ...pipeline,
        environment,
        secrets,
        start,
        worker: async () => workers.at(-1) ?? (await start()),
        told: () => JSON.stringify(model.requests),
      });
      await Promise.all(workers.map((worker) => worker.stop()));
      expect(
        (await findMarked()).filter(({ mark }) => mark.startsWith(`${environment.WORKER_ID}#`)),
      ).toEqual([]);
    });
  } finally {
    await Promise.all(workers.map((worker) => worker.stop('SIGKILL')));
    await model.stop();
  }
}
