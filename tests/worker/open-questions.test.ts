import { describe, expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import type { AgentTurn } from '../../worker/agent/agent.ts';
import { otherPhone, phone, stranger, withPipeline } from '../support/pipeline.ts';
import type { Pipeline, WorkerChange } from '../support/pipeline.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

const environment = {
  ALLOWED_SENDERS: [phone, otherPhone, stranger].join(','),
  STOP_SECONDS: '1',
  PERMISSIONS: 'ask',
};

const approve = (turn: AgentTurn, detail: string) =>
  turn.tools.approve({ tool: 'Bash', title: 'May I run this?', detail }, turn.signal);

/**
 * `run X` asks for leave to run X; `work` waits for the gate; anything else is answered at once.
 */
function agentWith(gate: Promise<void>, begun: string[] = []): NonNullable<WorkerChange['answer']> {
  return async (text, turn) => {
    begun.push(text);
    if (text.startsWith('run '))
      return `${text}: ${JSON.stringify(await approve(turn, text.slice(4)))}`;
    if (text.startsWith('work')) await gate;
    return `answer to ${text}`;
  };
}

const texts = ({ replies }: Pipeline, from = phone): string[] =>
  replies(from).map(({ text }) => text);
/** The last message with something to tap, once there is one that holds `words`. */
const asked = (pipeline: Pipeline, words: string, from = phone) =>
  until(`the question “${words}”`, () =>
    pipeline
      .replies(from)
      .findLast(({ buttons, text }) => buttons.length > 0 && text.includes(words)),
  );
const tap = async (
  pipeline: Pipeline,
  words: string,
  title: string,
  from = phone,
): Promise<void> => {
  const question = await asked(pipeline, words, from);
  const button = question.buttons.find((one) => one.title === title);
  if (!button) throw new Error(`no button ${title}`);
  await pipeline.twin.chat.receive(from, {
    quoted: question.sid,
    choice: { ...button, kind: 'button' },
  });
};

test('a question takes no place: others work meanwhile, and the answer gets the next place that is free', async () => {
  await withPipeline({ environment }, async (pipeline) => {
    const gate = Promise.withResolvers<void>();
    const begun: string[] = [];
    await pipeline.startWorker({
      answer: agentWith(gate.promise, begun),
      concurrency: { turns: 1, deliveries: 10 },
      silence: { idleMs: 60_000, toolMs: 60_000 },
    });
    await pipeline.say('run ls');
    await asked(pipeline, 'ls');
    await pipeline.say('hello', otherPhone);
    await until('the other’s answer', () =>
      texts(pipeline, otherPhone).includes('answer to hello'),
    );
    await pipeline.say('work', otherPhone);
    await until('the other is at work', () => begun.includes('work'));
    await pipeline.say('hello', stranger);
    await until('the third waits', () =>
      texts(pipeline, stranger).some((text) => text.startsWith('I am busy with other work')),
    );
    // Answered while the place is another's: it waits for that, before who has not begun.
    await tap(pipeline, 'ls', 'Yes');
    await until('the person hears of it', () =>
      texts(pipeline).includes('I am busy with other work. You are next, and I start by myself.'),
    );
    await pipeline.say('/status');
    await until('the status', () =>
      texts(pipeline).some((text) => text.includes('I am also working for someone else.')),
    );
    expect(texts(pipeline).filter((text) => text.startsWith('run ls:'))).toEqual([]);
    gate.resolve();
    await until(
      'all answers',
      () =>
        texts(pipeline).includes('run ls: "yes"') &&
        texts(pipeline, stranger).includes('answer to hello'),
    );
    expect(begun).toEqual(['run ls', 'hello', 'work', 'hello']);
  });
});

test('an answered question that waits for its place can be stopped', async () => {
  await withPipeline({ environment }, async (pipeline) => {
    const gate = Promise.withResolvers<void>();
    const begun: string[] = [];
    await pipeline.startWorker({
      answer: agentWith(gate.promise, begun),
      concurrency: { turns: 1, deliveries: 10 },
      silence: { idleMs: 60_000, toolMs: 60_000 },
    });
    await pipeline.say('run ls');
    await asked(pipeline, 'ls');
    await pipeline.say('work', otherPhone);
    await until('the other is at work', () => begun.includes('work'));
    await tap(pipeline, 'ls', 'Yes');
    await pipeline.say('stop');
    await until('the stop', () => texts(pipeline).some((text) => text.startsWith('Stopped.')));
    gate.resolve();
    await until('the other’s answer', () => texts(pipeline, otherPhone).includes('answer to work'));
    // The message about the queue went with it.
    await pipeline.say('hello');
    await until('the next answer', () => texts(pipeline).includes('answer to hello'));
    expect(texts(pipeline).filter((text) => text.startsWith('run ls:'))).toEqual([]);
  });
});

test('an answer that came in time and was not announced is heard before the default holds', async () => {
  await withPipeline(
    { environment: { ...environment, ANSWER_MINUTES: '0.05' } },
    async (pipeline) => {
      await pipeline.startWorker({ answer: agentWith(Promise.resolve()) });
      await pipeline.say('run ls');
      await asked(pipeline, 'ls');
      const inbox = keys.inbox(phone);
      const first = JSON.parse((await pipeline.redis.lindex(inbox, 0)) ?? '{}') as object;
      const answer = {
        ...first,
        id: `SM${'0'.repeat(32)}`,
        text: 'Yes',
        at: new Date().toISOString(),
      };
      await pipeline.redis.rpush(inbox, JSON.stringify(answer));
      await until('the answer', () => texts(pipeline).some((text) => text.startsWith('run ls: ')));
      expect(texts(pipeline)).toContain('run ls: "yes"');
      expect(texts(pipeline).filter((text) => text.startsWith('No answer in'))).toEqual([]);
    },
  );
});

test('an answer that came in time behind a file that is still being read is heard before the default holds', async () => {
  const soon = { ...environment, ANSWER_MINUTES: String(scaled(3000) / 60_000) };
  await withPipeline({ environment: soon }, async (pipeline) => {
    const [reading, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    await pipeline.startWorker({
      answer: agentWith(Promise.resolve()),
      transcribe: async () => {
        reading.resolve();
        await gate.promise;
        return 'by the way';
      },
    });
    await pipeline.say('run ls');
    await asked(pipeline, 'ls');
    const { open } = JSON.parse(
      (await pipeline.redis.hget(keys.conversation(phone), 'questions')) ?? '{}',
    ) as { open: { deadline: number } };
    await pipeline.twin.chat.receive(phone, {
      media: { name: 'file', type: 'audio/ogg', base64: Buffer.from('OggS').toString('base64') },
    });
    await reading.promise;
    const answer = {
      ...(JSON.parse((await pipeline.redis.lindex(keys.inbox(phone), 0)) ?? '{}') as object),
      id: `SM${'0'.repeat(32)}`,
      text: 'Yes',
      at: new Date(open.deadline - 100).toISOString(),
    };
    await pipeline.redis.rpush(keys.inbox(phone), JSON.stringify(answer));
    await until('the deadline', () => Date.now() > open.deadline + 300);
    expect(texts(pipeline).filter((text) => text.startsWith('No answer in'))).toEqual([]);
    gate.resolve();
    await until('the answer', () => texts(pipeline).includes('run ls: "yes"'));
    expect(texts(pipeline).filter((text) => text.startsWith('No answer in'))).toEqual([]);
  });
});

describe('after a while Claude’s process goes', () => {
  const soon = { ...environment, QUESTION_HOLD_MINUTES: '0.001' };
  const letGo = ({ redis }: Pipeline) =>
    until('the turn is put off', async () => (await redis.zcard(keys.delayed('turns'))) === 1);

  test('and an answer before the deadline resumes the turn, whose approved call runs unasked, once', async () => {
    await withPipeline({ environment: soon }, async (pipeline) => {
      const begun: string[] = [];
      const ran = new Map<string, unknown>();
      // What has run stands in Claude's transcript, and is not done again.
      const answer: WorkerChange['answer'] = async (text, turn) => {
        begun.push(text);
        for (const command of ['ls', 'ls -l'])
          if (!ran.has(command)) ran.set(command, await approve(turn, command));
        return JSON.stringify([...ran.values()]);
      };
      const worker = await pipeline.startWorker({ answer });
      const id = await pipeline.say('list the files');
      await asked(pipeline, 'ls');
      await letGo(pipeline);
      const due = await pipeline.redis.zrange(keys.delayed('turns'), '0', '0', 'WITHSCORES');
      const { open } = JSON.parse(
        (await pipeline.redis.hget(keys.conversation(phone), 'questions')) ?? '{}',
      ) as { open: { deadline: number } };
      expect(Math.floor(Number(due[1]) / 0x1000)).toBe(open.deadline);
      expect(await pipeline.redis.hget(keys.attempts(phone), id)).toBeNull();
      // Another worker goes on with it; nothing of the question begins anew.
      await worker.stop();
      await pipeline.startWorker({ answer });
      await tap(pipeline, 'ls', 'Yes');
      // The very call is allowed; the one like it is asked about.
      await tap(pipeline, 'ls -l', 'No');
      await until('the answer', () => texts(pipeline).includes('["yes","no"]'));
      expect(begun.filter((text) => /^(yes|no)$/i.test(text))).toEqual([]);
      expect(
        texts(pipeline).filter(
          (text) => text.includes('May I run this?') && !text.includes('ls -l'),
        ),
      ).toHaveLength(1);
      expect(await pipeline.redis.llen(keys.inbox(phone))).toBe(0);
    });
  });

  test('and at the deadline, which a restart does not move, the default holds and is said once', async () => {
    await withPipeline({ environment: { ...soon, ANSWER_MINUTES: '0.06' } }, async (pipeline) => {
      const answer: WorkerChange['answer'] = async (_text, turn) =>
        JSON.stringify(await approve(turn, 'ls'));
      const worker = await pipeline.startWorker({ answer });
      await pipeline.say('list the files');
      await asked(pipeline, 'ls');
      await letGo(pipeline);
      const deadline = async (): Promise<unknown> =>
        JSON.parse((await pipeline.redis.hget(keys.conversation(phone), 'questions')) ?? '{}').open
          ?.deadline;
      const before = await deadline();
      await worker.stop();
      await pipeline.startWorker({ answer });
      expect(await deadline()).toBe(before);
      await until('the answer', () => texts(pipeline).includes('"unanswered"'));
      expect(texts(pipeline).filter((text) => text.startsWith('No answer in'))).toEqual([
        'No answer in 4 seconds, so: No.',
      ]);
    });
  });

  test('and the VM sleeps; an answer wakes it although the turn is put off', async () => {
    await withPipeline({ environment: { ...soon, IDLE_MINUTES: '0.005' } }, async (pipeline) => {
      const answer: WorkerChange['answer'] = async (_text, turn) =>
        JSON.stringify(await approve(turn, 'ls'));
      const asleep = Promise.withResolvers<undefined>();
      const worker = await pipeline.startWorker({
        answer,
        onAsleep: () => asleep.resolve(undefined),
      });
      await pipeline.say('list the files');
      await asked(pipeline, 'ls');
      await asleep.promise;
      await worker.stop();
      const vm = createVmState(pipeline.redis);
      expect(await vm.need(Date.now())).toMatchObject({ work: false, heartbeatMs: 0 });
      expect((await vm.need(Date.now())).nextDue).toBeGreaterThan(Date.now() + 60_000);
      await tap(pipeline, 'ls', 'Yes');
      expect(await vm.need(Date.now())).toMatchObject({ work: true });
      await pipeline.startWorker({ answer });
      await until('the answer', () => texts(pipeline).includes('"yes"'));
    });
  });
});

test('what answered a question of a turn that is gone never reaches Claude as a message', async () => {
  await withPipeline({ environment }, async (pipeline) => {
    const by = await pipeline.say('Yes');
    const questions = {
      turn: 'gone',
      answers: { 'gone.ask.0123456789ab.1': { text: 'May I?', words: ['Yes'], by } },
    };
    await pipeline.redis.hset(keys.conversation(phone), 'questions', JSON.stringify(questions));
    const begun: string[] = [];
    await pipeline.startWorker({ answer: agentWith(Promise.resolve(), begun) });
    await until('it is settled', async () => (await pipeline.redis.llen(keys.inbox(phone))) === 0);
    await pipeline.say('hello');
    await until('the next answer', () => texts(pipeline).includes('answer to hello'));
    expect(begun).toEqual(['hello']);
  });
});
