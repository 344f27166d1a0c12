import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import type { ChatMessage } from '../../simulator/chat.ts';
import type { AgentTurn } from '../../worker/agent/agent.ts';
import { describeRequest } from '../../worker/agent/claude/approval-request.ts';
import { askLeave, suggestions, withLeave, written } from '../support/leave-bench.ts';
import { otherPhone, phone } from '../support/pipeline.ts';
import { tap } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

const question = 'May I run this command?';

test('“Yes, always” is for this very command in this session, and no longer than said', async () => {
  await withLeave(async (bench) => {
    const { say, said, replies, redis } = bench;
    await say('run touch one.txt');
    const asked = await said(question);
    expect(asked.text).toContain('Yes, always: this command and no other, in this session.');
    expect(asked.buttons.map(({ title }) => title)).toEqual(['Yes', 'Yes, always', 'No']);
    await tap(bench, asked, 'Yes, always');
    await said('touch one.txt: always');
    await say('run touch one.txt');
    await said('touch one.txt: yes');
    const refuse = async (text: string): Promise<void> => {
      const before = replies().length;
      await say(text);
      await said('May I ', before);
      await say('no');
      await said('no', before + 1);
    };
    for (const other of [
      'run touch two.txt',
      'run touch one.txt && rm -rf x',
      'run rm -rf x',
      'run timeout 5 touch one.txt',
      'write hello',
    ])
      await refuse(other);
    await say('/permissions');
    const modes = await said('since you said always');
    expect(modes.text).toMatch(/\(now\)[^]*\n- touch one\.txt\nChoosing a mode takes that back\./);
    // Another session is asked in; the first remembers, also after a restart.
    await say('/new');
    await said('A fresh start');
    await refuse('run touch one.txt');
    await bench.worker.stop();
    await bench.startWorker({ answer: askLeave });
    const sessions = await redis.zrange(keys.sessions(phone), '0', '-1');
    await say(`/resume ${sessions[0]}`);
    await said('Back in');
    const before = replies().length;
    await say('run touch one.txt');
    await said('touch one.txt: yes', before);
    // Choosing a mode makes its words true again.
    await say('/permissions ask');
    await said('I ask before I change anything');
    await refuse('run touch one.txt');
  });
});

test('a tap answers its question once; every other tap hears what became of it, and none is a prompt', async () => {
  await withLeave(async (bench) => {
    const { say, said, texts, twin, replies } = bench;
    await say('run ls');
    const first = await said(question);
    await tap(bench, first, 'Yes');
    await said('ls: yes');
    await tap(bench, first, 'Yes');
    await said('That question is settled (Yes).');
    const before = replies().length;
    await tap(bench, first, 'No');
    await said('That question is settled (Yes).', before);

    // A stale tap does not answer another question; that one goes on waiting.
    await say('run pwd');
    const second = await until('the second question', () =>
      replies().findLast(({ text }) => text.startsWith(question) && text.includes('pwd')),
    );
    const waiting = replies().length;
    await tap(bench, first, 'Yes');
    await said('That question is settled (Yes).', waiting);
    // Two taps in the same moment.
    await Promise.all([tap(bench, second, 'No'), tap(bench, second, 'Yes')]);
    await said('pwd: ', waiting);
    await said('That question is settled (', waiting + 1);

    // One of another conversation, of an earlier version, and made up ones.
    const button = second.buttons[0]?.id ?? '';
    const elsewhere = replies(otherPhone).length;
    await twin.chat.receive(otherPhone, { choice: { id: button, title: 'Yes', kind: 'button' } });
    expect((await until('the other phone', () => replies(otherPhone)[elsewhere])).text).toBe(
      'That question is settled.',
    );
    for (const id of [
      `SM${'a'.repeat(32)}.ask.0123456789ab.1.1`,
      `SM${'a'.repeat(32)}.ask.zz`,
      'x.ask.',
    ]) {
      const from = replies().length;
      await twin.chat.receive(phone, { choice: { id, title: 'Yes', kind: 'list' } });
      await said('That question is settled.', from);
    }
    // A text that equals a payload is a text.
    await say(button);
    await said(`prompt ${button}`);
    expect(texts().filter((text) => text.startsWith('prompt '))).toHaveLength(1);
  });
});

test(
  'a question that its time, a stop or its turn has ended says so to a late tap',
  { tags: 'long' },
  async () => {
    await withLeave(
      async (bench) => {
        const { say, said, texts, replies } = bench;
        await say('run ls');
        const late = await said(question);
        await said('No answer in 2 seconds, so: No.');
        await said('ls: unanswered');
        await tap(bench, late, 'No');
        await said('That question is settled (No, since no answer came).');
        await say('colour x');
        const stopped = await said('Which?');
        await say('/stop');
        await said('Stopped');
        await tap(bench, stopped, 'Red');
        await said('That question is settled (its work has ended).');
        await say('run ls');
        const before = replies().length;
        await said(question, before);
        await tap(bench, stopped, 'Blue');
        await said('That question is settled (its work has ended).', before);
        expect(texts().some((text) => text.startsWith('prompt'))).toBe(false);
      },
      { environment: { ANSWER_MINUTES: '0.03' } },
    );
  },
);

test('an answer that comes too late is asked about; stood by it gives leave for the very call, once', async () => {
  await withLeave(
    async (bench) => {
      const { say, said, texts, replies } = bench;
      await say('run ls -la');
      const late = await said(question);
      await said('ls -la: unanswered');
      await tap(bench, late, 'Yes');
      const again = await said('I went on with No. Shall I do it after all?');
      expect(again.text).toContain('“May I run this command? ls -la”');
      expect(again.buttons.map(({ title }) => title)).toEqual(['Yes, do it', 'Leave it']);
      await tap(bench, again, 'Leave it');
      await said('All right, it stays as it is.');
      const before = replies().length;
      await tap(bench, again, 'Yes, do it');
      // The call that comes again runs unasked; the next like it is asked about.
      await said(question, before);
      expect(texts().slice(before)).toHaveLength(1);
      await said('ls -la: yes, then ls -la: unanswered');
      await tap(bench, again, 'Yes, do it');
      await said('That question is settled (Yes, after all).');
      await say('colour x');
      const which = await said('Which?');
      await said('colour: Red');
      const settled = replies().length;
      await tap(bench, which, 'Blue');
      const blue = await said('I went on with Red. Shall I take Blue after all?', settled);
      await tap(bench, blue, 'Yes, take it');
      expect((await said('prompt ')).text).toMatch(/I went on with Red[^]*Yes, take it$/);
    },
    { environment: { ANSWER_MINUTES: '0.03' } },
  );
});

test('after a restart only the call that was approved runs unasked, once', async () => {
  await withLeave(
    async (bench) => {
      const { say, replies } = bench;
      const asked = (): ChatMessage[] => replies().filter(({ text }) => text.startsWith(question));
      const long = `echo ${'x'.repeat(900)}`;
      await say(`run ${long}`);
      const first = await until('the question', () => asked()[0]);
      await bench.worker.stop();
      await tap(bench, first, 'Yes');
      const approve = async (command: string, { tools, signal }: AgentTurn): Promise<string> =>
        written(await tools.approve(describeRequest('Bash', { command }, { suggestions }), signal));
      const got: string[] = [];
      // Claude makes another call that only begins alike, and then the one that was approved; the
      // worker ends while that runs.
      const second = await bench.startWorker({
        async answer(_text, turn) {
          got.push(await approve(`${long}; rm -rf /`, turn), await approve(long, turn));
          return await new Promise(() => undefined);
        },
      });
      const other = await until('the second question', () => asked()[1]);
      expect(other.text).toContain('rm -rf /');
      await tap(bench, other, 'No');
      await until('both answers', () => got.length === 2);
      expect(got).toEqual(['no', 'yes']);
      expect(asked()).toHaveLength(2);
      await second.stop();
      await bench.startWorker({ answer: (_text, turn) => approve(long, turn) });
      await tap(bench, await until('the third question', () => asked()[2]), 'No');
      await until('the answer', () => replies().some(({ text }) => text === 'no'));
      expect(asked()).toHaveLength(3);
    },
    { environment: { STOP_SECONDS: '1' } },
  );
});

test('a yes is for one call, a no may have words, a quoted yes gives leave, and any other text does not', async () => {
  await withLeave(async (bench) => {
    const { say, said, replies } = bench;
    const nth = (index: number): Promise<ChatMessage> =>
      until(
        `question ${index}`,
        () => replies().filter(({ text }) => text.startsWith(question))[index],
      );
    // The same call twice at once, and another one.
    await say('all make\nmake\nrm x');
    await tap(bench, await nth(0), 'Yes');
    await tap(bench, await nth(1), 'No');
    await tap(bench, await nth(2), 'Yes');
    await said('make: yes\nmake: no\nrm x: yes');
    await say('run npm i');
    await nth(3);
    await say('no, use yarn instead');
    await said('npm i: no, no, use yarn instead');
    await say('run yarn');
    const asked = await nth(4);
    await say('sure, go on');
    expect((await said('Shall I run it?')).buttons).toHaveLength(2);
    await bench.quoteWith(await nth(0), 'Yes');
    expect(replies().filter(({ text }) => text.startsWith('yarn: '))).toEqual([]);
    await bench.quoteWith(asked, 'yes');
    await said('yarn: yes');
  });
});

test('a schedule neither answers nor commands nor stops, whatever it says', async () => {
  await withLeave(async (bench) => {
    const { say, said, redis, replies } = bench;
    const schedules = createSchedules(redis);
    await redis.set('a lock', 'a token');
    try {
      await say('run ls');
      const asked = await said(question);
      const words = ['Yes', '1', '/permissions all', 'stop', '/stop'];
      for (const prompt of words) {
        await schedules.add(
          { conversation: phone, prompt, timezone: 'UTC', at: Date.now() },
          { lock: 'a lock', token: 'a token' },
        );
      }
      await until(
        'all of them',
        async () => (await redis.llen(keys.inbox(phone))) === 1 + words.length,
      );
      for (const raw of await redis.lrange(keys.inbox(phone), 1, -1))
        expect(JSON.parse(raw)).toMatchObject({ human: false });
      expect(JSON.parse((await redis.lindex(keys.inbox(phone), 0)) ?? '')).toMatchObject({
        human: true,
      });
      // It still waits, until the person speaks.
      expect(replies().filter(({ text }) => text.startsWith('ls: '))).toEqual([]);
      await tap(bench, asked, 'No');
      await said('ls: no');
      await until('all is done', async () => (await redis.llen(keys.inbox(phone))) === 0);
      expect(await redis.hget(keys.conversation(phone), 'permissions')).toBe(null);
    } finally {
      await schedules.close();
    }
  });
});
