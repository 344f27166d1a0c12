import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createWakeCall } from '../../relay/wake/wake-call.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import { countCommands } from '../../simulator/idle-cost/command-count.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { crash, startRelayProcess, startWorkerProcess } from '../support/processes.ts';
import { impatient, wakeSecret, withSleep } from '../support/sleep-bench.ts';
import type { SleepBench } from '../support/sleep-bench.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';
import { accept, refuse, reset, runWakeAddress } from '../support/wake-address.ts';

const texts = ({ replies }: SleepBench, from = phone): string[] =>
  replies(from).map((reply) => reply.text);
const answered = async (bench: SleepBench, text: string, from = phone): Promise<void> =>
  void (await until(`the answer to ${text}`, () =>
    texts(bench, from).includes(`answer to ${text}`),
  ));
const asleep = async (bench: SleepBench): Promise<void> =>
  void (await until('the VM sleeps', () => !bench.isAwake()));

test('a message wakes the VM, which answers and falls asleep again; the next one wakes it anew', async () => {
  await withSleep({}, async (bench) => {
    await bench.say('first');
    await answered(bench, 'first');
    expect(bench.wake.calls[0]).toMatchObject({
      method: 'POST',
      path: '/wake',
      authorization: `Bearer ${wakeSecret}`,
    });
    await asleep(bench);
    expect(await bench.redis.hget(keys.vm, 'state')).toBe('asleep');
    expect(await bench.redis.exists(keys.heartbeat, keys.waking)).toBe(0);
    await bench.say('second');
    await answered(bench, 'second');
    expect(texts(bench)).toEqual(['answer to first', 'answer to second']);
    expect(await bench.metric('sidepocket_wake_calls_total{outcome="ok"}')).toBe(2);
    const timed = (): Promise<number> => bench.metric('sidepocket_wake_seconds_count');
    await until('both wakes are timed', async () => (await timed()) === 2);
  });
});

test('within a second of the webhook the message is read and typing shows, though the VM is stone cold', async () => {
  await withSleep({ onCall: (_bench, _call, response) => refuse(response) }, async (bench) => {
    const { twin, say } = bench;
    const start = Date.now();
    const sid = await say('hello');
    const [shown] = await until(
      'typing',
      () => twin.memory.typing.length > 0 && twin.memory.typing,
    );
    expect(Date.parse(shown?.at ?? '') - start).toBeLessThan(scaled(1000));
    expect(shown).toMatchObject({ messageId: sid, status: 200 });
    await say('more');
    await say('from another', otherPhone);
    await until('typing in the other chat', () => twin.memory.typing.length > 1);
    // Many rounds of the waker later there is still one request a conversation.
    const rounds = bench.wake.calls.length;
    await until('ten more rounds', () => bench.wake.calls.length >= rounds + 10);
    expect(twin.memory.typing.map(({ messageId }) => messageId === sid)).toEqual([true, false]);
  });
});

test('a typing indicator that fails harms nothing', async () => {
  await withSleep({}, async (bench) => {
    bench.twin.faults.set('typing-fails');
    await bench.say('hello');
    await answered(bench, 'hello');
    expect(bench.twin.memory.typing.map(({ status }) => status)).toEqual([500]);
  });
});

test.each([
  [
    'fails',
    [
      (response: Parameters<typeof refuse>[0]) => refuse(response, 500),
      (response: Parameters<typeof refuse>[0]) => refuse(response, 502),
      (response: Parameters<typeof refuse>[0]) => refuse(response, 401),
    ],
  ],
  ['is refused while the machine is stopping', [refuse, reset, refuse]],
] as const)('a wake that %s is tried again, and the fourth succeeds', async (_name, answers) => {
  const onCall = async (
    bench: SleepBench,
    call: number,
    response: Parameters<typeof refuse>[0],
  ): Promise<void> => {
    const answer = answers[call - 1];
    if (answer) return answer(response);
    await bench.boot();
    accept(response);
  };
  await withSleep({ onCall }, async (bench) => {
    await bench.say('hello');
    await answered(bench, 'hello');
    expect(bench.wake.calls).toHaveLength(4);
    expect(texts(bench)).toEqual(['answer to hello']);
    const problems = bench
      .logged()
      .filter(
        ({ msg }) =>
          msg === 'the wake address refused' || msg === 'the wake address was not reached',
      );
    expect(problems).toHaveLength(3);
    const counted = await Promise.all(
      ['500', '502', '401', '503', 'unreachable', 'ok'].map((outcome) =>
        bench.metric(`sidepocket_wake_calls_total{outcome="${outcome}"}`),
      ),
    );
    expect(counted.filter((count) => count > 0).reduce((sum, count) => sum + count, 0)).toBe(4);
  });
});

test('a redirect is followed once, on the same host, with the secret, and nowhere else', async () => {
  const elsewhere = await runWakeAddress((_call, response) => accept(response));
  const onward = ['/moved', '/again', elsewhere.url.replace('127.0.0.1', 'localhost')];
  const wake = await runWakeAddress((call, response) => {
    const location = onward[call - 1];
    if (location === undefined) accept(response);
    else response.writeHead(307, { location }).end();
  });
  try {
    const outcomes: string[] = [];
    const log = createLog('test', 'silent');
    const call = createWakeCall(wake.url, 's', (outcome) => outcomes.push(outcome), log);
    for (let count = 1; count <= 3; count += 1) await call(count);
    expect(outcomes).toEqual(['307', '307', 'ok']);
    const seen = wake.calls.map(({ method, path, authorization }) => [method, path, authorization]);
    expect(seen).toEqual(
      ['/wake', '/moved', '/wake', '/wake'].map((path) => ['POST', path, 'Bearer s']),
    );
    expect(elsewhere.calls).toEqual([]);
  } finally {
    await Promise.all([wake.stop(), elsewhere.stop()]);
  }
});

test('a slow wake is told once, with the time that past wakes took', async () => {
  const gate = Promise.withResolvers<void>();
  const onCall = async (
    bench: SleepBench,
    _call: number,
    response: Parameters<typeof refuse>[0],
  ): Promise<void> => {
    await gate.promise;
    await bench.boot();
    accept(response);
  };
  await withSleep({ onCall, times: { ...impatient, giveUpMs: 3600_000 } }, async (bench) => {
    const vm = createVmState(bench.redis);
    for (const ms of [9000, 12_300, 40_000]) await vm.noteWake(ms);
    await bench.say('hello');
    await bench.say('are you there');
    await until('the sentence', () => texts(bench).length > 0);
    await bench.say('hm');
    gate.resolve();
    await answered(bench, 'hm');
    expect(texts(bench)).toEqual([
      'Waking up your computer, about 12 s.',
      'answer to hello',
      'answer to are you there',
      'answer to hm',
    ]);
  });
});

test('a wake that is quick is not told', async () => {
  await withSleep({ times: { ...impatient, tellMs: 3600_000 } }, async (bench) => {
    await bench.say('hello');
    await answered(bench, 'hello');
    expect(texts(bench)).toEqual(['answer to hello']);
  });
});

test('one that does not succeed in time is told once to each who waits, and goes on', async () => {
  let broken = true;
  const onCall = async (
    bench: SleepBench,
    _call: number,
    response: Parameters<typeof refuse>[0],
  ): Promise<void> => {
    if (broken) return refuse(response);
    await bench.boot();
    accept(response);
  };
  await withSleep({ onCall, times: impatient }, async (bench) => {
    await bench.say('hello');
    await bench.say('me too', otherPhone);
    const failing = 'Your computer does not wake up. Your message is kept, and I keep trying.';
    await until(
      'both are told',
      () => texts(bench).includes(failing) && texts(bench, otherPhone).includes(failing),
    );
    const calls = bench.wake.calls.length;
    await until('it goes on', () => bench.wake.calls.length > calls + 5);
    // A relay that takes over goes on with the same wake, and does not tell it again.
    await bench.stopRelay();
    await bench.startRelay();
    const later = bench.wake.calls.length;
    await until('it goes on after a restart', () => bench.wake.calls.length > later + 5);
    broken = false;
    await answered(bench, 'hello');
    await answered(bench, 'me too', otherPhone);
    const expected = ['Waking up your computer, about 20 s.', failing];
    // The first of the list is the owner, who hears of it at once, though no worker is there to
    // send it.
    const toOwner = expect.stringMatching(
      /^The computer does not wake up, so messages wait\. Please look/,
    );
    expect(texts(bench)).toEqual(expect.arrayContaining([...expected, toOwner]));
    expect(texts(bench).slice(3)).toEqual(['answer to hello']);
    expect(texts(bench, otherPhone)).toEqual([...expected, 'answer to me too']);
    expect(
      bench
        .logged()
        .some(({ msg, level }) => msg === 'the VM does not wake up' && level === 'error'),
    ).toBe(true);
    expect(await bench.metric('sidepocket_wake_calls_total{outcome="503"}')).toBeGreaterThan(0);
  });
});

test('a hundred messages at once are one wake, with one call at a time', async () => {
  const onCall = async (
    bench: SleepBench,
    call: number,
    response: Parameters<typeof refuse>[0],
  ): Promise<void> => {
    if (call < 3) return refuse(response);
    await bench.boot();
    accept(response);
  };
  await withSleep({ onCall }, async (bench) => {
    const all = Array.from({ length: 100 }, (_, index) => `number ${index}`);
    await Promise.all(all.map((text, index) => bench.say(text, index % 2 ? phone : otherPhone)));
    // The sentence about waking comes, too, when that takes long.
    const answers = (): string[] =>
      [...texts(bench), ...texts(bench, otherPhone)].filter((text) =>
        text.startsWith('answer to '),
      );
    await until('all answers', () => answers().length >= all.length);
    expect(answers().toSorted()).toEqual(all.map((text) => `answer to ${text}`).toSorted());
    expect(bench.wake.mostOpen()).toBe(1);
    expect(bench.wake.calls.length).toBeLessThanOrEqual(4);
    expect(await bench.metric('sidepocket_wake_seconds_count')).toBe(1);
  });
});

// These wait for seconds, so they do it together.
test.concurrent(
  'a relay killed while it wakes the VM goes on when it is back',
  { tags: 'long' },
  async () => {
    let isBack = false;
    const onCall = async (
      bench: SleepBench,
      _call: number,
      response: Parameters<typeof refuse>[0],
    ): Promise<void> => {
      if (!isBack) return refuse(response);
      await bench.boot();
      accept(response);
    };
    await withSleep({ relay: false, onCall }, async (bench) => {
      const relay = await startRelayProcess(bench);
      await bench.say('hello');
      await until('it has begun', () => bench.wake.calls.length >= 2);
      await crash(relay);
      expect(await bench.redis.exists(keys.waking)).toBe(1);
      const calls = bench.wake.calls.length;
      isBack = true;
      await bench.startRelay();
      await answered(bench, 'hello');
      expect(bench.wake.calls.length).toBeGreaterThan(calls);
      await until('the wake is over', async () => (await bench.redis.exists(keys.waking)) === 0);
      // That the computer is waking up is said, too, where that takes long.
      expect(texts(bench).filter((text) => text.startsWith('answer'))).toEqual(['answer to hello']);
    });
  },
);

test.concurrent(
  'a worker that crashed is woken when its sign of life has run out, in the middle of a turn and at rest',
  async () => {
    await withSleep(
      { onCall: async (bench, _call, response) => bench.boot().then(() => accept(response)) },
      async (bench) => {
        // It runs already, so nothing has to be woken at first.
        const worker = await startWorkerProcess(bench);
        await bench.say('before');
        await answered(bench, 'before');
        expect(bench.wake.calls).toEqual([]);
        await bench.say('hang here');
        await until('it works', async () => (await bench.redis.llen(keys.active('turns'))) === 1);
        await crash(worker);
        expect(await bench.redis.hget(keys.vm, 'state')).toBeNull();
        await answered(bench, 'hang here');
        expect(bench.wake.calls).toHaveLength(1);
        await asleep(bench);

        const another = await startWorkerProcess(bench);
        await until('it is seen', async () => (await bench.redis.exists(keys.heartbeat)) === 1);
        await crash(another);
        await bench.say('after');
        await answered(bench, 'after');
        expect(texts(bench)).toEqual([
          'answer to before',
          'answer to hang here',
          'answer to after',
        ]);
      },
    );
  },
);

test.concurrent(
  'a schedule that is due wakes the VM, also after the relay was restarted',
  async () => {
    const plan = async (
      text: string,
      turn: {
        tools: { scheduleTurn(input: { prompt: string; inMinutes: number }): Promise<string> };
      },
    ): Promise<string> =>
      text.startsWith('plan')
        ? await turn.tools.scheduleTurn({ prompt: 'the plants', inMinutes: 0.06 })
        : `did ${text}`;
    let booted: { stop(): Promise<void> } | undefined;
    const onCall = async (
      bench: SleepBench,
      _call: number,
      response: Parameters<typeof refuse>[0],
    ): Promise<void> => {
      booted ??= await bench.startWorker({
        answer: plan,
        environment: { IDLE_MINUTES: '0.01' },
        onAsleep: () => void booted?.stop().then(() => (booted = undefined)),
      });
      accept(response);
    };
    await withSleep({ onCall }, async (bench) => {
      await bench.say('plan it');
      await until('it is planned', () =>
        texts(bench).some((text) => text.startsWith('Scheduled as number 1')),
      );
      await until('the VM sleeps', () => booted === undefined);
      expect(Number(await bench.redis.hget(keys.vm, 'nextDue'))).toBeGreaterThan(Date.now());
      await bench.stopRelay();
      await bench.startRelay();
      await until('the scheduled turn', () =>
        texts(bench).some((text) => text.endsWith('the plants')),
      );
      expect(texts(bench)).toHaveLength(2);
      expect(bench.wake.calls.length).toBeGreaterThanOrEqual(2);
    });
  },
);

test.concurrent(
  'asleep, nothing is asked of Redis, not even by a look that was planned while the VM was awake',
  { tags: 'long' },
  async () => {
    await withSleep({ idleMinutes: 0.003 }, async (bench) => {
      await bench.say('hello');
      await answered(bench, 'hello');
      await asleep(bench);
      await until('the message is read', () => bench.replies().at(-1)?.status === 'delivered');
      const count = await countCommands(bench.redisServer.url);
      try {
        await until('the last is over', () => Date.now() - count.lastAt() > 300);
        count.reset();
        const start = Date.now();
        // Longer than a sign of life lasts here.
        await until('a while', () => Date.now() > start + scaled(1500) + 1000);
        expect(count.read()).toEqual({ total: 0, commands: [] });
      } finally {
        await count.stop();
      }
    });
  },
);
