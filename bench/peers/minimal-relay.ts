import { Queue } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
// Only Twilio's signature check: the whole SDK would take longer to load than everything else
// together.
import { validateRequest } from 'twilio/lib/webhooks/webhooks.js';
import { peerOptions } from './peer-options.ts';

/**
 * The smallest relay on Express and BullMQ, to compare starts and memory with: no log, no
 * dashboard, no metrics, and only the signature check of Twilio's SDK.
 */
const { port, redisUrl, publicUrl, authToken } = peerOptions();

const redis = new Redis(redisUrl);
const queue = new Queue('messages', {
  connection: redis,
  prefix: '{minimal}',
  streams: { events: { maxLen: 100 } },
});

const app = express();
app.get('/ready', async (_request, response) => void response.send(await redis.ping()));
app.post('/webhook', express.urlencoded({ extended: false }), async (request, response) => {
  const form = request.body as Record<string, string>;
  if (
    !validateRequest(
      authToken,
      request.get('X-Twilio-Signature') ?? '',
      publicUrl + request.originalUrl,
      form,
    )
  ) {
    response.sendStatus(403);
    return;
  }
  const { MessageSid: id = '', From: conversation = '', Body: text = '' } = form;
  await queue.add('message', { id, conversation, text }, { jobId: id });
  response.type('text/xml').send('<Response/>');
});
app.listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
