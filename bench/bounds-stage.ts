import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { createShutdown } from '../shared/runtime/lifecycle.ts';
import type { ChatMessage, PhoneInput } from '../simulator/chat.ts';
import { freePort } from '../simulator/free-port.ts';
import { runScriptedModel } from '../simulator/model/scripted-model.ts';
import type { Story } from '../simulator/model/stories/story.ts';
import { runRedisServer } from '../simulator/redis-server.ts';
import { runTwin } from '../simulator/twilio/twin.ts';
import { startMeasured } from './measured-process.ts';
import type { BenchOptions } from './section.ts';

const phone = '+15551230001';

const Line = z.object({ at: z.number(), maxMs: z.number(), residentBytes: z.number() });

/**
 * A measurement of a process over a period: the longest delay of its event loop (ms), and its
 * memory at the beginning and at its maximum (bytes).
 */
export type Watched = { longestMs: number; fromBytes: number; mostBytes: number };

/**
 * Relay and worker as production runs them, each with a watch on its event loop, around a Twilio
 * twin and a scripted model.
 */
export type BoundsStage = {
  /** Where the conversation's files are, from its first turn on. */
  workspace(): string;
  /**
   * Acts on the phone, waits for the given number of replies, and reads their pages; returns the
   * measurements of both processes during that time.
   */
  watch(input: PhoneInput, replies: number): Promise<{ relay: Watched; worker: Watched }>;
};

export async function withBoundsStage<T>(
  { searchPath, log, signal }: BenchOptions,
  stories: readonly Story[],
  use: (stage: BoundsStage) => Promise<T>,
): Promise<T> {
  const shutdown = createShutdown(log);
  try {
    const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-bench-'));
    shutdown.add('directory', () => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
    const redis = await runRedisServer({ dir: path.join(dir, 'redis') });
    shutdown.add('redis server', () => redis.stop());
    const model = await runScriptedModel({ quiet: true, stories });
    shutdown.add('model', () => model.stop());
    const [relayPort, workerPort] = [await freePort(0), await freePort(0)];
    const account = {
      accountSid: `AC${'7'.repeat(32)}`,
      authToken: 'token-of-the-bench',
      number: '+15550100000',
    };
    const twin = await runTwin({
      ...account,
      phones: [phone],
      webhookUrl: `http://127.0.0.1:${relayPort}/webhook#rc=3&rp=5xx,ct,rt`,
      pace: { sentMs: 5, deliveredMs: 10, readMs: 0 },
    });
    shutdown.add('twin', () => twin.stop());
    const dataDir = path.join(dir, 'data');
    const start = (name: 'relay' | 'worker', port: number): void => {
      const file = path.join(dir, `${name}.watch`);
      const started = startMeasured({
        entry: `${name}/main.ts`,
        flags: ['--import', new URL(`peers/loop-watch.ts?file=${file}`, import.meta.url).href],
        searchPath,
        logFile: path.join(dir, `${name}.log`),
        environment: {
          HOST: '127.0.0.1',
          PORT: String(port),
          PUBLIC_URL: `http://127.0.0.1:${relayPort}`,
          REDIS_URL: redis.url,
          DATA_DIR: dataDir,
          WORKER_ID: 'vm',
          TWILIO_ACCOUNT_SID: account.accountSid,
          TWILIO_AUTH_TOKEN: account.authToken,
          TWILIO_WHATSAPP_NUMBER: account.number,
          TWILIO_API_URL: twin.url,
          ALLOWED_SENDERS: phone,
          ANTHROPIC_API_KEY: 'scripted',
          ANTHROPIC_BASE_URL: model.url,
          NODE_ENV: 'production',
        },
      });
      shutdown.add(name, () => started.stop());
    };
    start('relay', relayPort);
    start('worker', workerPort);
    for (const port of [relayPort, workerPort]) await untilHealthy(port, signal);
    const replies = (): ChatMessage[] =>
      twin.chat.messages(phone).filter(({ direction }) => direction === 'outbound');
    return await use({
      workspace: () =>
        globSync(path.join(dataDir, 'people', '*', 'workspaces', phone.slice(1)))[0] ?? '',
      async watch(input, count) {
        const [from, before] = [Date.now(), replies().length];
        await twin.chat.receive(phone, input);
        for (
          const deadline = Date.now() + 120_000;
          replies()
            .slice(before)
            .filter(({ status }) => status === 'delivered').length < count;
          await sleep(50, undefined, { signal })
        ) {
          if (Date.now() > deadline)
            throw new Error(
              `waited two minutes in vain for ${count} messages; there are ${replies().length - before}`,
            );
        }
        const pages = [
          ...replies()
            .slice(before)
            .map((message) => message.text)
            .join('\n')
            .matchAll(/https?:\S+\/page\/\S+/g),
        ];
        for (const [page] of pages) await (await fetch(page)).arrayBuffer();
        // The line about the last moment is still to be written.
        await sleep(300, undefined, { signal });
        const [relay, worker] = ['relay', 'worker'].map((name) =>
          watchedSince(path.join(dir, `${name}.watch`), from),
        );
        const nothing: Watched = {
          longestMs: Number.NaN,
          fromBytes: Number.NaN,
          mostBytes: Number.NaN,
        };
        return { relay: relay ?? nothing, worker: worker ?? nothing };
      },
    });
  } finally {
    await shutdown.run();
  }
}

function watchedSince(file: string, from: number): Watched {
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => Line.parse(JSON.parse(line)));
  const during = lines.filter(({ at }) => at >= from);
  return {
    longestMs: Math.max(...during.map(({ maxMs }) => maxMs)),
    fromBytes: during[0]?.residentBytes ?? Number.NaN,
    mostBytes: Math.max(...during.map(({ residentBytes }) => residentBytes)),
  };
}

async function untilHealthy(port: number, signal: AbortSignal): Promise<void> {
  for (
    const deadline = Date.now() + 30_000;
    Date.now() < deadline;
    await sleep(30, undefined, { signal })
  ) {
    const response = await fetch(`http://127.0.0.1:${port}/health`).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.ok) return;
  }
  throw new Error('a process was not ready within half a minute');
}
