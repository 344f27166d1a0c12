import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { runRelay } from '../../relay/relay.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { otherPhone, phone, withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';
import { messageForm, signatureFor } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

const userId = 'US.13491208655302741918';
const [listed, written] = ['+5511987654321', '+551187654321'];
/** The twin's user id of the first phone. */
const phoneId = 'ID.1111115551230001';

/** The words of a phone's replies so far. */
const heard = (bench: Pipeline, from: string): string[] =>
  bench.replies(from).map((reply) => reply.text);

const says = async (bench: Pipeline, from: string, text: string): Promise<void> => {
  await bench.say(text, from);
  await until(`the answer to ${text}`, () => heard(bench, from).includes(`answer to ${text}`));
};

test('a person is an address of WhatsApp: by user id, by both, in either spelling of the number; an SMS is nobody', async () => {
  const relays: { stop(): Promise<void> }[] = [];
  await withPipeline(
    { relay: false, environment: { ALLOWED_SENDERS: `${phone}, ${userId}, ${listed}` } },
    async (bench) => {
      const { environment, redis, twin, log, relayUrl } = bench;
      const startRelay = async (): Promise<void> => {
        for (const relay of relays.splice(0)) await relay.stop();
        relays.push(await runRelay(parseRelayConfig(environment), log));
        await until('Redis', async () => (await fetch(`${relayUrl}/ready`)).ok);
      };
      const sentTo = (from: string): (string | undefined)[] =>
        twin.memory.attempts
          .filter(({ sid }) => sid !== undefined && twin.chat.message(sid)?.phone === from)
          .map(({ params }) => params['To']);
      try {
        await startRelay();
        await bench.startWorker();

        // Signed by Twilio all the same: an SMS whose sender anybody could have written.
        const sms = messageForm({ From: phone, To: '+15550100000', Body: 'rm -rf' });
        const signed = {
          'Content-Type': 'application/x-www-form-urlencoded',
          'X-Twilio-Signature': signatureFor(environment, '/webhook', sms),
        };
        expect(
          (
            await fetch(`${relayUrl}/webhook`, {
              method: 'POST',
              headers: signed,
              body: new URLSearchParams(sms).toString(),
            })
          ).status,
        ).toBe(200);

        // A person without a number.
        await says(bench, userId, 'one');
        expect(sentTo(userId)).toEqual([`whatsapp:${userId}`]);
        await until('its delivery', () => bench.replies(userId)[0]?.status === 'delivered');
        expect(await redis.exists(keys.conversation(userId))).toBe(1);

        // A person with both, first by number: the id alone is the same conversation then, and is
        // answered where it wrote.
        await says(bench, phone, 'two');
        twin.chat.writeAs(phone, 'id alone');
        await says(bench, phone, 'three');
        expect(sentTo(phone)).toEqual([`whatsapp:${phone}`, `whatsapp:${phoneId}`]);
        // Also after a restart of the relay, which has forgotten what it knew.
        await startRelay();
        await says(bench, phone, 'four');
        twin.chat.writeAs(phone, 'id');
        await says(bench, phone, 'five');
        twin.chat.writeAs(phone, 'number');
        await says(bench, phone, 'six');
        expect(sentTo(phone).slice(2)).toEqual([
          `whatsapp:${phoneId}`,
          `whatsapp:${phoneId}`,
          `whatsapp:${phone}`,
        ]);
        expect(await redis.exists(keys.conversation(phoneId), keys.inbox(phoneId))).toBe(0);
        expect(await redis.hgetall(keys.aliases)).toEqual({ [phoneId]: phone });
        await until('every delivery', () =>
          bench.replies(phone).every(({ status }) => status === 'delivered'),
        );

        // Without the 9 that is in the list.
        await says(bench, written, 'seven');
        expect(sentTo(written)).toEqual([`whatsapp:${written}`]);
        expect(await redis.exists(keys.conversation(listed))).toBe(1);
        expect(await redis.exists(keys.conversation(written))).toBe(0);

        // Nobody else: neither a number that is not allowed nor its user id.
        await bench.say('let me in', otherPhone);
        twin.chat.writeAs(otherPhone, 'id alone');
        await bench.say('let me in', otherPhone);
        expect(heard(bench, otherPhone)).toEqual([]);
        expect((await redis.keys(keys.message('*'))).length).toBe(7);
      } finally {
        for (const relay of relays) await relay.stop();
      }
    },
  );
});

test('what the relay missed is taken in by the same rules, in every spelling and by every id', async () => {
  await withPipeline(
    { relay: false, environment: { ALLOWED_SENDERS: `${userId}, ${listed}` } },
    async (bench) => {
      await bench.say('by id', userId);
      await bench.say('by the other spelling', written);
      await bench.say('not mine', otherPhone);
      const relay = await runRelay(parseRelayConfig(bench.environment), bench.log);
      try {
        await bench.startWorker();
        await until(
          'both answers',
          () => heard(bench, userId).length + heard(bench, written).length === 2,
        );
        expect([heard(bench, userId), heard(bench, written)]).toEqual([
          ['answer to by id'],
          ['answer to by the other spelling'],
        ]);
        expect(await bench.redis.exists(keys.conversation(listed))).toBe(1);
        expect((await bench.redis.keys(keys.message('*'))).length).toBe(2);
      } finally {
        await relay.stop();
      }
    },
  );
});

test('a reply of unknown end is looked up where it was sent, although the person has written from elsewhere since', async () => {
  await withPipeline({ environment: { ALLOWED_SENDERS: phone } }, async (bench) => {
    const { twin } = bench;
    twin.chat.writeAs(phone, 'id');
    twin.faults.set('create-500-after', { times: 1 });
    twin.faults.set('callbacks-dropped');
    await bench.startWorker();
    await bench.say('one');
    await until('the unclear send', () => twin.memory.attempts.length === 1);
    twin.chat.writeAs(phone, 'number');
    await bench.say('two');
    await until('both answers', () => heard(bench, phone).length >= 2);
    await until(
      'nothing more to send',
      async () => (await bench.redis.llen(keys.outbox(phone))) === 0,
    );
    expect(heard(bench, phone)).toEqual(['answer to one', 'answer to two']);
    expect(twin.memory.attempts.map(({ params }) => params['To'])).toEqual([
      `whatsapp:${phoneId}`,
      `whatsapp:${phone}`,
    ]);
  });
});

test('where both spellings of a number are listed, the conversation of before goes on', async () => {
  await withPipeline(
    { environment: { ALLOWED_SENDERS: `${listed},${written}` } },
    async (bench) => {
      // As the version before has left it.
      await bench.redis.hset(keys.conversation(written), { said: '1' });
      await bench.startWorker();
      await says(bench, written, 'one');
      await says(bench, listed, 'two');
      expect(await bench.redis.exists(keys.conversation(listed))).toBe(0);
      expect((await bench.redis.keys(keys.message('*'))).length).toBe(2);
    },
  );
});
