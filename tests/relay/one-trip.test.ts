import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { runRelay } from '../../relay/relay.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { phone, withPipeline } from '../support/pipeline.ts';
import { runProxy } from '../support/proxy.ts';
import { messageForm, signatureFor } from '../support/relay-bench.ts';
import { scaled } from '../support/machine-speed.ts';
import { until } from '../support/until.ts';

test('what a webhook wants of Redis goes out in one piece, and the answer waits for nothing else', async () => {
  await withPipeline(
    { relay: false },
    async ({ environment, redis, redisServer, relayUrl, log }) => {
      const pieces: string[] = [];
      const proxy = await runProxy(
        redisServer.port,
        (piece) => void pieces.push(piece.toString('latin1')),
      );
      const relay = await runRelay(
        parseRelayConfig({ ...environment, REDIS_URL: `redis://127.0.0.1:${proxy.port}` }),
        log,
      );
      try {
        await until('Redis', async () => (await fetch(`${relayUrl}/ready`)).ok);
        const post = async (form: Record<string, string>): Promise<number> => {
          const headers = {
            'Content-Type': 'application/x-www-form-urlencoded',
            'X-Twilio-Signature': signatureFor(environment, '/webhook', form),
          };
          return (
            await fetch(`${relayUrl}/webhook`, {
              method: 'POST',
              headers,
              body: new URLSearchParams(form).toString(),
            })
          ).status;
        };
        // The first one shows “typing…” and teaches Redis BullMQ's script; what a start has to ask
        // is over when nothing is sent any more.
        expect(await post(messageForm())).toBe(200);
        await until('the relay has begun', async () => {
          const before = pieces.length;
          await new Promise((resolve) => setTimeout(resolve, scaled(400)));
          return pieces.length === before;
        });
        const quiet = pieces.length;
        const form = messageForm({ Body: 'the second' });
        expect(await post(form)).toBe(200);
        expect(await redis.hget(keys.message(form['MessageSid'] ?? ''), 'state')).toBe('waiting');
        const sent = pieces.slice(quiet);
        expect(sent).toHaveLength(1);
        const commands = [...(sent[0] ?? '').matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)].map(
          ([, name]) => name,
        );
        expect(commands).toEqual(['multi', 'eval', 'evalsha', 'eval', 'exec']);
        // A person's other address, once a webhook has named both, costs no trip more.
        const userId = 'whatsapp:US.13491208655302741918';
        expect(await post(messageForm({ ExternalUserId: userId }))).toBe(200);
        const [before, alone] = [
          pieces.length,
          messageForm({ From: userId, ExternalUserId: userId }),
        ];
        expect(await post(alone)).toBe(200);
        expect(pieces).toHaveLength(before + 1);
        expect(await redis.hget(keys.message(alone['MessageSid'] ?? ''), 'conversation')).toBe(
          phone,
        );
      } finally {
        await relay.stop();
        await proxy.stop();
      }
    },
  );
});
