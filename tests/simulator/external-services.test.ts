import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createPhoneClient } from '../../simulator/phone/phone-client.ts';
import { runExternalServices } from '../../simulator/surroundings/external-services.ts';
import { withRedis } from '../support/redis.ts';

test('what surrounds a product that runs elsewhere: its phone reaches the relay, its model answers, and Redis tells how far a message is', async () => {
  await withRedis(async (redis) => {
    const asked: string[] = [];
    const relay = createServer((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.writeHead(200, { 'content-type': 'text/xml' }).end('<Response/>');
    });
    await new Promise<void>(
      (resolve) => void relay.listen({ port: 0, host: '127.0.0.1' }, resolve),
    );
    const services = await runExternalServices({
      account: { accountSid: `AC${'1'.repeat(32)}`, authToken: 'token', number: '+15550100000' },
      phones: ['+15551230001'],
      redisUrl: `redis://127.0.0.1:${redis.options.port}`,
      relayUrl: `http://127.0.0.1:${(relay.address() as AddressInfo).port}`,
      host: '127.0.0.1',
      ports: { twilio: 0, model: 0, phone: 0 },
      phoneHost: '127.0.0.1',
      log: createLog('test', 'silent'),
    });
    try {
      const phone = createPhoneClient(services.phoneUrl);
      expect(await phone.system()).toMatchObject({
        number: '+15550100000',
        phones: ['+15551230001'],
        vm: 'unknown',
        model: 'scripted',
      });
      const { sid, status } = await phone.send('+15551230001', { text: 'hello' });
      expect([status, asked]).toEqual([200, ['POST /webhook']]);
      expect(await phone.turn(sid)).toBe('waiting');
      await redis.hset(keys.message(sid), { state: 'answered', conversation: '+15551230001' });
      expect(await phone.turn(sid)).toBe('answered');
      await redis.rpush(keys.outbox('+15551230001'), 'a reply');
      expect(await phone.turn(sid)).toBe('working');
      const answer = await fetch(`${services.modelUrl}/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': 'any', 'content-type': 'application/json' },
        body: JSON.stringify({
          model: 'claude-opus-5-5',
          max_tokens: 50,
          messages: [{ role: 'user', content: 'say all is well' }],
        }),
      });
      expect(await answer.json()).toMatchObject({ type: 'message', role: 'assistant' });
      expect((await fetch(`${services.twilioUrl}/2010-04-01/Accounts.json`)).status).toBe(401);
    } finally {
      await services.stop();
      await new Promise<void>((resolve) => void relay.close(() => resolve()));
    }
    await expect(fetch(services.phoneUrl)).rejects.toThrow('fetch failed');
  });
});
