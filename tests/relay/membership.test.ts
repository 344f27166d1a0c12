import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { runRelay } from '../../relay/relay.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import { until } from '../support/until.ts';

test('a person who is taken out of the list is worked for no more, not even in a turn that runs; when they are back the owner is asked', async () => {
  await withPipeline({ relay: false }, async (pipeline) => {
    const { redis, say, replies, twin, environment, log } = pipeline;
    const startRelay = async (allowed: string) =>
      await runRelay(parseRelayConfig({ ...environment, ALLOWED_SENDERS: allowed }), log);
    const schedules = createSchedules(redis);
    const hanging = Promise.withResolvers<void>();
    const asked: string[] = [];
    const answer = async (text: string): Promise<string> => {
      asked.push(text);
      if (text === 'hang' && asked.filter((known) => known === text).length === 1) {
        hanging.resolve();
        await new Promise(() => undefined);
      }
      return `answer to ${text}`;
    };
    let relay = await startRelay(`${phone},${otherPhone}`);
    await pipeline.startWorker({ answer });
    await redis.set('a lock', 'mine');
    await schedules.add(
      { conversation: otherPhone, prompt: 'tick', timezone: 'UTC', cron: '0 9 * * *' },
      { lock: 'a lock', token: 'mine' },
    );
    // Else WhatsApp's window is closed for the owner, and the word waits for them.
    await say('good morning');
    await until('the owner is answered', () => replies().length === 1);
    await say('hang', otherPhone);
    await hanging.promise;
    await say('and this', otherPhone);
    await until('both wait', async () => (await redis.llen(keys.inbox(otherPhone))) === 2);
    await relay.stop();

    relay = await startRelay(phone);
    const told = await until('the owner is told', () => replies()[1]);
    expect(told.text).toContain(
      `No longer in ALLOWED_SENDERS: ${otherPhone} (2 messages and 1 schedule).`,
    );
    expect(await redis.llen(keys.setAsideMessages(otherPhone))).toBe(2);
    await until(
      'the turn is over',
      async () => (await redis.exists(keys.deduplication('turns', otherPhone))) === 0,
    );
    // It ended as it should: nothing is to be tried again.
    expect(await redis.zcard(`${prefix}:turns:failed`)).toBe(0);
    await say('let me in', otherPhone);
    await say('hello');
    await until('the owner is answered', () => replies().length === 3);
    expect(await redis.exists(keys.inbox(otherPhone), keys.outbox(otherPhone))).toBe(0);
    expect(replies(otherPhone)).toEqual([]);
    expect(await schedules.list(otherPhone)).toEqual([]);
    await relay.stop();

    relay = await startRelay(`${phone},${otherPhone}`);
    const question = await until('the question', () => replies()[3]);
    expect(question.text).toContain(
      `${otherPhone} may write again. From before, 2 messages and 1 schedule are still set aside.`,
    );
    expect(replies(otherPhone)).toEqual([]);
    await say(`/people do ${otherPhone}`, otherPhone);
    expect((await until('a refusal', () => replies(otherPhone)[0])).text).toBe(
      'Only the owner can decide that.',
    );
    await twin.chat.receive(phone, {
      text: 'Do it',
      choice: { id: `/people do ${otherPhone}`, title: 'Do it', kind: 'button' },
    });
    expect((await until('the word', () => replies()[4])).text).toBe(
      `Going on with 2 messages and 1 schedule of ${otherPhone}.`,
    );
    await until('they are answered', () => replies(otherPhone).length === 3);
    expect(
      replies(otherPhone)
        .slice(1)
        .map(({ text }) => text),
    ).toEqual(['answer to hang', 'answer to and this']);
    expect(asked).not.toContain('let me in');
    expect(await schedules.list(otherPhone)).toHaveLength(1);
    await schedules.close();
    await relay.stop();
  });
});
