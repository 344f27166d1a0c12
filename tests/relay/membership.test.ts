import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { runRelay } from '../../relay/relay.ts';
import { keys, prefix } from '../../shared/store/redis/keys.ts';
import { createSchedules } from '../../shared/store/schedules.ts';
import type { ChatMessage } from '../../simulator/chat.ts';
import { otherPhone, phone, stranger, withPipeline } from '../support/pipeline.ts';
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
      'Only the owner can do that.',
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

test('the owner invites in the chat, removes, and invites again: each holds across a relay that starts anew', async () => {
  await withPipeline({ relay: false }, async (pipeline) => {
    const { redis, say, replies, twin, environment, log } = pipeline;
    const startRelay = async (allowed: string) =>
      await runRelay(parseRelayConfig({ ...environment, ALLOWED_SENDERS: allowed }), log);
    let answered = 0;
    /** The owner's next reply. */
    const next = async (what: string) => {
      const reply = await until(what, () => replies()[answered]);
      answered += 1;
      return reply;
    };
    const tap = async ({ buttons }: ChatMessage, title: string): Promise<void> => {
      const { id = '' } = buttons.find((button) => button.title === title) ?? {};
      await twin.chat.receive(phone, { text: title, choice: { id, title, kind: 'button' } });
    };
    const hanging = Promise.withResolvers<void>();
    let hung = 0;
    let relay = await startRelay(phone);
    await pipeline.startWorker({
      answer: async (text) => {
        if (text === 'hang' && (hung += 1) === 1) {
          hanging.resolve();
          await new Promise(() => undefined);
        }
        return `answer to ${text}`;
      },
    });
    await say('too early', stranger);
    await say('/invite 001 (555) 999-9999');
    const asked = await next('the question');
    expect(asked.text).toContain('Shall I let *+1 555 999 9999*');
    await tap(asked, 'Invite');
    const link = await next('the link');
    expect(link.text).toContain('https://wa.me/15550100000?text=Hello');
    expect(link.media).toHaveLength(1);
    await say('let me in', stranger);
    await until('the guest is answered', () => replies(stranger).length === 2);
    const texts = (): string[] => replies(stranger).map(({ text }) => text);
    expect(texts()[0]).toContain('+1 555 123 0001');
    expect(texts()[0]).toContain('they pay');
    expect(texts()[1]).toBe('answer to let me in');

    await say('hang', stranger);
    await hanging.promise;
    await say(`/remove ${stranger}`);
    await tap(await next('the question'), 'Remove');
    expect((await next('the end')).text).toBe(
      '+1 555 999 9999 may not write to me any more. I have set aside 1 message, for 7 days.',
    );
    await until(
      'the turn is over',
      async () => (await redis.exists(keys.deduplication('turns', stranger))) === 0,
    );
    await relay.stop();
    relay = await startRelay(`${phone},${stranger}`);
    await say('let me in again', stranger);
    await say('hello');
    expect((await next('an answer')).text).toBe('answer to hello');
    expect(await redis.exists(keys.inbox(stranger), keys.outbox(stranger))).toBe(0);
    expect(texts()).toHaveLength(2);

    await say(`/invite ${stranger}`);
    await tap(await next('the question'), 'Invite');
    // A message with a picture takes its time, and may come after the next one.
    const links = (): ChatMessage[] => replies().filter(({ text }) => text.includes('wa.me'));
    await until('another link', () => links().length === 2);
    const question = await until('the question about before', () =>
      replies().find(({ text }) => text.includes('1 message is still set aside')),
    );
    answered = replies().length;
    await tap(question, 'Do it');
    expect((await next('the word')).text).toContain('Going on with 1 message');
    await say('and now', stranger);
    await until('both are answered', () => texts().length === 4);
    // Greeted once, and nothing of what was refused.
    expect(texts().slice(2)).toEqual(['answer to hang', 'answer to and now']);
    await relay.stop();
  });
});
