import { Queue } from 'bullmq';
import express from 'express';
import { Redis } from 'ioredis';
import twilio from 'twilio';
import { peerOptions } from './peer-options.ts';

/**
 * The plain way to a webhook that feeds a queue: Express, its parser for forms, Twilio's own check
 * of the signature, a claim in Redis, and then a job.
 */
const { port, redisUrl, publicUrl, authToken } = peerOptions();

const redis = new Redis(redisUrl);
const queue = new Queue('messages', {
  connection: redis,
  prefix: '{plain}',
  streams: { events: { maxLen: 100 } },
});

const app = express();
app.disable('x-powered-by');
app.get('/ready', async (_request, response) => void response.send(await redis.ping()));
app.post('/webhook', express.urlencoded({ extended: false }), async (request, response) => {
  const form = request.body as Record<string, string>;
  const signature = request.get('X-Twilio-Signature') ?? '';
  if (!twilio.validateRequest(authToken, signature, publicUrl + request.originalUrl, form)) {
    response.sendStatus(403);
    return;
  }
  const { MessageSid: id = '', From: conversation = '', Body: text = '' } = form;
  const isNew = await redis.set(`{plain}:message:${id}`, conversation, 'EX', 30 * 86_400, 'NX');
  if (isNew) await queue.add('message', { id, conversation, at: new Date().toISOString(), text });
  response.type('text/xml').send('<?xml version="1.0" encoding="UTF-8"?><Response/>');
});
app.listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
