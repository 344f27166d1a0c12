import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Agent } from '../../worker/agent/agent.ts';
import type { BackgroundListener } from '../../worker/agent/background.ts';
import type { ChatMessage } from '../../simulator/chat.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

const texts = (pipeline: Pipeline): string[] => pipeline.replies().map((reply) => reply.text);

test('a text that may be a stop goes to Claude and gets two buttons; the work goes on until one is tapped', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker({ answer: async () => await new Promise<string>(() => undefined) });
    const sid = await pipeline.say('hang on');
    const isAtWork = async (): Promise<boolean> =>
      (await pipeline.redis.hget(keys.message(sid), 'state')) === 'working';
    await until('the work', isAtWork);
    const saidAt = performance.now();
    await pipeline.say('stop the dev server');
    const question = await until('the question', () => pipeline.replies()[0]);
    expect(performance.now() - saidAt).toBeLessThan(scaled(1000));
    expect(question.text).toBe('Shall I stop what I am doing?');
    expect(question.buttons.map(({ title }) => title)).toEqual(['Stop', 'Go on']);
    const tap = async ({ sid: quoted, buttons }: ChatMessage, title: string): Promise<unknown> => {
      const { id } = buttons.find((button) => button.title === title) ?? { id: '' };
      return await pipeline.twin.chat.receive(phone, {
        choice: { id, title, kind: 'button' },
        quoted,
      });
    };
    await tap(question, 'Go on');
    await until('the word about it', () => texts(pipeline).includes('I go on.'));
    expect(await isAtWork()).toBe(true);
    await tap(question, 'Stop');
    await until('the stop', () => texts(pipeline).some((text) => text.startsWith('Stopped.')));
    expect(await pipeline.redis.llen(keys.inbox(phone))).toBe(0);
  });
});

test('a stop ends the number that is meant, also when the list has changed since it was shown, or all', async () => {
  await withPipeline({}, async (pipeline) => {
    let listener: BackgroundListener | undefined;
    const gone: string[] = [];
    const show = (): void => {
      const tasks = ['a', 'b', 'c', 'd']
        .filter((id) => !gone.includes(id))
        .map((id, index) => ({
          id,
          kind: 'command' as const,
          description: `task ${id}`,
          request: 'do it',
          startedAt: Date.now() + index,
        }));
      listener?.onChange(phone, 's', tasks);
    };
    const createAgent = async (): Promise<Agent> => ({
      // oxlint-disable-next-line require-yield
      async *work() {
        throw new Error('nothing is asked');
      },
      background: {
        listen: (next) => void (listener = next),
        busy: () => [],
        dismiss: async () => undefined,
        mostSessions: () => 4,
        async end(_conversation, _session, task) {
          gone.push(task);
          show();
          return true;
        },
      },
      release: async () => undefined,
      stop: async () => undefined,
    });
    await pipeline.startWorker({ createAgent });
    show();
    const tells = (part: string): Promise<unknown> =>
      until(part, () => texts(pipeline).some((text) => text.includes(part)));
    await until('it is noted', async () => (await pipeline.redis.hlen(keys.background)) === 1);
    await pipeline.say('/stop');
    await tells('What shall I stop?');
    await pipeline.say('stop 9');
    await tells('There is no number 9');
    await pipeline.say('stop 1');
    await tells('Stopped what ran in the background: “task a”.');

    const list = pipeline.replies().find(({ text }) => text.startsWith('What shall I stop?'));
    const choose = async (title: string): Promise<void> => {
      const item = list?.list?.items.find((each) => each.title === title);
      const choice = { id: item?.id ?? '', title, kind: 'list' as const };
      await pipeline.twin.chat.receive(phone, { choice, quoted: list?.sid ?? '' });
    };
    await choose('2. task b');
    await tells('“task b”');
    await choose('1. task a');
    await tells('That is not running any more.');
    await choose('All of them');
    await tells('“task d”');
    expect(gone).toEqual(['a', 'b', 'c', 'd']);
  });
});

test('/new with a text is answered in a fresh session; the next message stays in it', async () => {
  await withPipeline({}, async (pipeline) => {
    await pipeline.startWorker();
    const session = async (): Promise<string | null> =>
      await pipeline.redis.hget(keys.conversation(phone), 'session');
    await pipeline.say('hello');
    await until('the answer', () => texts(pipeline).length === 1);
    const first = await session();
    await pipeline.say('/new look at x');
    await until('the second answer', () => texts(pipeline).length === 2);
    const second = await session();
    await pipeline.say('and y');
    await until('the third answer', () => texts(pipeline).length === 3);
    expect(texts(pipeline)).toEqual(['answer to hello', 'answer to look at x', 'answer to and y']);
    expect(second).not.toBe(first);
    expect(await session()).toBe(second);
  });
});

test('a fresh conversation that a restart interrupts is resumed, not begun again', async () => {
  await withPipeline({ environment: { STOP_SECONDS: '1' } }, async (pipeline) => {
    const hanging = await pipeline.startWorker({
      answer: async () => await new Promise<string>(() => undefined),
    });
    const session = async (): Promise<string | null> =>
      await pipeline.redis.hget(keys.conversation(phone), 'session');
    await pipeline.say('/new look at x');
    const begun = await until('a session', async () => (await session()) || undefined);
    await hanging.stop();
    expect(await pipeline.redis.hget(keys.conversation(phone), 'session')).toBe(begun);
    await pipeline.startWorker();
    await until('the answer', () => texts(pipeline).length === 1);
    expect(texts(pipeline)).toEqual(['answer to look at x']);
    expect(await session()).toBe(begun);
  });
});
