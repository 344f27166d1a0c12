import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parseRelayConfig } from '../../relay/config.ts';
import { relayDeps, runRelay } from '../../relay/relay.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { startTracing } from '../../shared/runtime/telemetry.ts';
import { AgentFailure } from '../../worker/agent/agent-failure.ts';
import { signIn } from '../support/admin-client.ts';
import { otherPhone, password, phone, withPipeline } from '../support/pipeline.ts';
import { messageForm, newSid } from '../support/relay-bench.ts';
import { runTraceReceiver } from '../support/trace-receiver.ts';
import { until } from '../support/until.ts';

const secrets = {
  TWILIO_AUTH_TOKEN_SECONDARY: 'secret-of-the-second-token',
  ANTHROPIC_API_KEY: 'sk-ant-secret-of-the-model',
  CLAUDE_CODE_OAUTH_TOKEN: 'secret-of-the-subscription',
  GITHUB_TOKEN: 'ghp_secretOfGithub',
  WAKE_SECRET: 'secret-of-the-wake',
  TRANSCRIBE_API_KEY: 'secret-of-the-transcriber',
  SPEAK_API_KEY: 'secret-of-the-speaker',
};
const redisPassword = 'secret-of-redis';

/** All bytes that a Redis has ever written to its append-only files in this directory. */
function readRedisFiles(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

test(
  'after a whole run with every kind of trouble no secret is in the log, in Redis or in the traces',
  { tags: 'long' },
  async () => {
    let logged = '';
    const log = createLog('test', 'trace', { write: (line) => void (logged += line) });
    const receiver = await runTraceReceiver();
    try {
      await withPipeline(
        {
          relay: false,
          log,
          environment: {
            ...secrets,
            WAKE_URL: 'http://127.0.0.1:1',
            ADMIN_WRITE: '1',
            OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
          },
        },
        async (pipeline) => {
          const { environment, redis, redisServer, twin, say, replies, startWorker, relayUrl } =
            pipeline;
          await redis.config('SET', 'requirepass', redisPassword);
          environment['REDIS_URL'] =
            `redis://default:${redisPassword}@127.0.0.1:${redisServer.port}`;
          const config = parseRelayConfig(environment);
          const relay = await runRelay(config, log, {
            ...relayDeps(config, log),
            tracing: await startTracing(config, 'sidepocket-test'),
          });
          try {
            twin.faults.set('create-500-after', { times: 1 });
            twin.faults.set('late-failure', { times: 1, code: 63024 });
            await startWorker({
              answer: async (text) => {
                if (text.includes('fail'))
                  throw new AgentFailure('signed-out', 'the sign-in has expired');
                if (text.includes('defect')) throw new Error('a defect');
                return 'private answer';
              },
            });
            const [first, failed] = [
              await say('private words'),
              await say('please fail', otherPhone),
            ];
            await until(
              'the answers',
              () => replies().length > 0 && replies(otherPhone).length > 0,
            );
            await say('a defect', otherPhone);
            await until('a trouble of Twilio', async () =>
              Object.keys(await redis.hgetall(keys.counts)).some((name) =>
                name.startsWith('code:'),
              ),
            );
            // Every door is tried with something wrong, and the dashboard used.
            for (const form of [messageForm(), { MessageSid: newSid() }])
              await fetch(`${relayUrl}/webhook`, {
                method: 'POST',
                body: new URLSearchParams(form),
                headers: { 'X-Twilio-Signature': environment['TWILIO_AUTH_TOKEN'] ?? '' },
              });
            await fetch(`${relayUrl}/admin`, {
              headers: {
                Authorization: `Basic ${Buffer.from(`x:${password}x`).toString('base64')}`,
              },
            });
            const admin = await signIn({ relayUrl });
            for (const page of ['/admin', `/admin/turns/${first}`, `/admin/turns/${failed}`])
              expect((await admin.get(page)).status).toBe(200);
            expect(
              (await admin.post(`/admin/turns/${failed}/retry`, { token: await admin.token() }))
                .status,
            ).toBe(303);
            // Redis is away for a moment, at the worst time.
            process.kill(redisServer.pid, 'SIGSTOP');
            await fetch(`${relayUrl}/ready`);
            process.kill(redisServer.pid, 'SIGCONT');
            await until(
              'Redis is back',
              async () => (await fetch(`${relayUrl}/ready`)).status === 200,
            );
          } finally {
            await relay.stop();
          }
          const kept = readRedisFiles(redisServer.dir);
          // The search finds what is there.
          expect(logged).toContain('a defect');
          expect(kept).toContain('private words');
          expect(receiver.requests.length).toBeGreaterThan(0);
          const sent = receiver.requests
            .map(({ text, headers }) => text + JSON.stringify(headers))
            .join('\n');
          const places = { 'the log': logged, Redis: kept, 'the traces': sent };
          for (const [name, value] of Object.entries({
            ...secrets,
            ADMIN_PASSWORD: password,
            TWILIO_AUTH_TOKEN: environment['TWILIO_AUTH_TOKEN'] ?? '',
            redisPassword,
          })) {
            for (const form of [
              value,
              encodeURIComponent(value),
              Buffer.from(value).toString('base64'),
              Buffer.from(`${environment['TWILIO_ACCOUNT_SID']}:${value}`).toString('base64'),
            ]) {
              for (const [place, text] of Object.entries(places))
                expect(text.includes(form), `${name} in ${place}`).toBe(false);
            }
          }
          for (const words of [
            'private words',
            'private answer',
            phone.slice(1),
            otherPhone.slice(1),
          ]) {
            expect(logged.includes(words), `${words} in the log`).toBe(false);
            expect(sent.includes(words), `${words} in the traces`).toBe(false);
          }
        },
      );
    } finally {
      await receiver.stop();
    }
  },
);
