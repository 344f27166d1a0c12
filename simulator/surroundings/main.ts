import { mkdir, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { parseEnvironment, variables as v } from '../../shared/runtime/env.ts';
import { runProcess } from '../../shared/runtime/lifecycle.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { runExternalServices } from './external-services.ts';

const log = createLog('surroundings', process.env['LOG_LEVEL'] || 'info');

/** The addresses of these two for the product's processes. */
const schema = z.object({
  PUBLIC_URL: v.PUBLIC_URL,
  REDIS_URL: v.REDIS_URL,
  TWILIO_API_URL: v.TWILIO_API_URL,
  ANTHROPIC_BASE_URL: v.ANTHROPIC_BASE_URL,
  ALLOWED_SENDERS: v.ALLOWED_SENDERS,
  TWILIO_ACCOUNT_SID: v.TWILIO_ACCOUNT_SID,
  TWILIO_AUTH_TOKEN: v.TWILIO_AUTH_TOKEN,
  TWILIO_WHATSAPP_NUMBER: v.TWILIO_WHATSAPP_NUMBER,
});

await runProcess(log, async () => {
  const env = parseEnvironment(schema, process.env);
  const [twilio, model] = [new URL(env.TWILIO_API_URL), new URL(env.ANTHROPIC_BASE_URL)];
  const services = await runExternalServices({
    account: {
      accountSid: env.TWILIO_ACCOUNT_SID,
      authToken: env.TWILIO_AUTH_TOKEN,
      number: env.TWILIO_WHATSAPP_NUMBER,
    },
    phones: env.ALLOWED_SENDERS,
    relayUrl: env.PUBLIC_URL,
    redisUrl: env.REDIS_URL,
    log,
    host: twilio.hostname,
    everywhere: true,
    ports: { twilio: Number(twilio.port), model: Number(model.port), phone: 4040 },
    phoneHost: '0.0.0.0',
  });
  // The place where `npm run send` looks for the phone.
  await mkdir('.sidepocket', { recursive: true });
  await writeFile(
    '.sidepocket/running.json',
    JSON.stringify({ phoneUrl: 'http://127.0.0.1:4040' }),
  );
  log.info({ phone: services.phoneUrl }, 'the phone page is ready');
  return services;
});
