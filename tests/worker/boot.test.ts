import path from 'node:path';
import { expect, test } from 'vitest';
import { createPeopleStore } from '../../shared/store/people.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import type { Agent, ComingTurn } from '../../worker/agent/agent.ts';
import { bootWorker } from '../../worker/process/boot.ts';
import { readComing } from '../../worker/process/peek-turn.ts';
import { parseWorkerConfig } from '../../worker/config.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

const agentOf = ({ dataDir }: Pipeline): Agent =>
  createFastAgent({
    dir: path.join(dataDir, 'transcripts'),
    answer: async (text) => `answer to ${text}`,
  });

/** Waits until the relay has put so many messages into the inbox. */
const accepted = ({ redis }: Pipeline, count: number, from = phone): Promise<true> =>
  until('the message', async () => (await redis.llen(keys.inbox(from))) === count || undefined);

test('whose turn comes first is seen in one look, unless the message is a command', async () => {
  await withPipeline({}, async (pipeline) => {
    expect(await readComing(pipeline.redis)).toBeUndefined();
    await pipeline.say('/status');
    await accepted(pipeline, 1);
    expect(await readComing(pipeline.redis)).toBeUndefined();
  });
  await withPipeline({}, async (pipeline) => {
    const { say, redis } = pipeline;
    await redis.hset(keys.conversation(phone), 'session', 'a-session', 'model', 'opus');
    await say('hello');
    await accepted(pipeline, 1);
    await say('hello', otherPhone);
    await accepted(pipeline, 1, otherPhone);
    // Before it knows its store, the relay adds the turn in a second step.
    expect(await until('a turn', () => readComing(redis))).toEqual({
      conversation: phone,
      remembered: expect.objectContaining({ session: 'a-session', model: 'opus' }),
    });
  });
});

test('the agent is told of the first turn before the worker has its lease, and not of one that another worker has', async () => {
  await withPipeline({}, async (pipeline) => {
    const { say, redis, environment, log, dataDir } = pipeline;
    const told: ComingTurn[] = [];
    const leases: (string | null)[] = [];
    const agent: Agent = {
      ...agentOf(pipeline),
      async prepare(turn) {
        leases.push(await redis.get(keys.lease('early')));
        told.push(turn);
      },
    };
    const boot = async (worker: string): Promise<void> => {
      const begun = await bootWorker(
        parseWorkerConfig({ ...environment, WORKER_ID: worker }),
        async () => agent,
        log,
      );
      await begun.ready;
      begun.redis.disconnect();
    };
    await redis.hset(keys.conversation(phone), 'session', 'a-session', 'permissions', 'ask');
    await say('hello');
    await accepted(pipeline, 1);
    await boot('early');
    const person = await createPeopleStore(redis).idOf(phone);
    const directory = path.join(dataDir, 'people', person);
    const home = {
      person,
      user: undefined,
      directory,
      images: path.join(directory, 'images'),
      temporary: expect.stringContaining(path.join(dataDir, 'temp')),
    };
    expect(told).toEqual([
      {
        conversation: phone,
        home,
        workspace: path.join(home.directory, 'workspaces', phone.slice(1)),
        session: 'a-session',
        model: undefined,
        permissions: 'ask',
      },
    ]);
    expect(leases).toEqual([null]);

    await redis.set(keys.lease('other'), '1');
    await redis.set(keys.live(phone), 'other#1');
    await boot('late');
    expect(told).toHaveLength(1);
    expect(await redis.get(keys.live(phone))).toBe('other#1');
  });
});

test('where no turn is to be seen the queues come before the agent; one that nobody needed is not made to be stopped', async () => {
  await withPipeline({}, async (pipeline) => {
    const { say, environment, log } = pipeline;
    let made = 0;
    const boot = async (): Promise<void> => {
      const begun = await bootWorker(
        parseWorkerConfig(environment),
        async () => ((made += 1), agentOf(pipeline)),
        log,
      );
      await begun.ready;
      await begun.agent.stop();
      begun.redis.disconnect();
    };
    await boot();
    expect(made).toBe(0);
    await say('hello');
    await accepted(pipeline, 1);
    await boot();
    expect(made).toBe(1);
  });
});

test('the queue is worked while the agent is still on its way', async () => {
  await withPipeline({}, async (pipeline) => {
    const { say, replies, startWorker, redis } = pipeline;
    const coming = Promise.withResolvers<Agent>();
    const starting = startWorker({ createAgent: () => coming.promise });
    await say('hello');
    await until('the turn at work', async () => (await redis.llen(keys.active('turns'))) === 1);
    coming.resolve(agentOf(pipeline));
    await starting;
    await until('the answer', () => replies().length > 0);
    expect(replies().map(({ text }) => text)).toEqual(['answer to hello']);
  });
});

test('a worker whose agent cannot be made does not start', async () => {
  await withPipeline({ relay: false }, async ({ startWorker }) => {
    await expect(
      startWorker({ createAgent: async () => Promise.reject(new Error('no agent')) }),
    ).rejects.toThrow('no agent');
  });
});
