import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { keys } from '../shared/store/redis/keys.ts';
import { runScriptedModel } from '../simulator/model/scripted-model.ts';
import { runNotingProxy } from './noting-proxy.ts';
import type { Section, SectionResult } from './section.ts';
import { formatSpread, percentile } from './statistics.ts';
import { withSystem } from './system-stage.ts';

const mostMs = 20;

/**
 * The time between the model's last token and the POST (ms), by part: Claude Code up to the outbox,
 * the outbox up to the delivery, the carrier's SDK.
 */
type Way = { total: number; put: number; nextDelivery: number; post: number };

/**
 * When a reply was put into the outbox and its attempt recorded (ms since 1970). The reply's id is
 * written when Twilio has answered.
 */
async function readReply(
  redis: Redis,
  sid: string,
): Promise<{ putAt: number; attemptedAt: number }> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; await sleep(5)) {
    const id = await redis.get(keys.sent(sid));
    const { at, attemptedAt } = id === null ? {} : await redis.hgetall(keys.reply(id));
    if (at !== undefined && attemptedAt !== undefined)
      return { putAt: Date.parse(at), attemptedAt: Date.parse(attemptedAt) };
  }
  throw new Error('the reply is not known');
}

export const deliverySection: Section = {
  name: 'delivery',
  title: 'The model’s last token to Twilio’s POST',
  method:
    'The whole system with the real Claude Code, warm. A proxy in front of the scripted model notes when the end of the answer’s stream went by, another in front of the Twilio twin when `POST /Messages.json` had come. In between: Claude Code reads the end and reports the result, the answer is written for WhatsApp, put into the outbox together with its delivery job, taken by the delivery, noted, and posted by Twilio’s SDK.',
  async run(options): Promise<SectionResult> {
    const model = await runScriptedModel({ quiet: true });
    let lastToken = Number.NaN;
    const toModel = await runNotingProxy(model.url, {
      onAnswered: ({ path, answeredAt }) =>
        void (lastToken = path === '/v1/messages' ? answeredAt : lastToken),
    });
    try {
      const ways = await withSystem(
        options,
        { ANTHROPIC_BASE_URL: toModel.url, LOG_LEVEL: 'info' },
        async ({ simulator, say }) => {
          const redis = new Redis(simulator.redisUrl);
          const found: Way[] = [];
          try {
            await say('say first');
            for (let message = 0; message < (options.quick ? 3 : 40); message += 1) {
              options.signal.throwIfAborted();
              await sleep(options.quick ? 200 : 400);
              const { sid, at } = await say(`say number ${message}`);
              const postedAt = Date.parse(at);
              const { putAt, attemptedAt } = await readReply(redis, sid);
              found.push({
                total: postedAt - lastToken,
                put: putAt - lastToken,
                nextDelivery: attemptedAt - putAt,
                post: postedAt - attemptedAt,
              });
            }
          } finally {
            redis.disconnect();
          }
          return found;
        },
      );
      const of = (part: keyof Way): number[] => ways.map((way) => way[part]);
      const p50 = percentile(of('total'), 0.5);
      return {
        rows: [
          {
            what: 'last token to POST, p50',
            ours: formatSpread(of('total'), 'ms'),
            target: `≤ ${mostMs} ms`,
            held: p50 <= mostMs,
          },
        ],
        notes: [
          `Of it, by the middle: ${formatSpread(of('put'), 'ms')} until the answer is on its way into the outbox (Claude Code’s own end of a turn, the SDK, the writing), ${formatSpread(of('nextDelivery'), 'ms')} until the delivery notes the attempt, ${formatSpread(of('post'), 'ms')} until the request is at Twilio.`,
        ],
      };
    } finally {
      await toModel.stop();
      await model.stop();
    }
  },
};
