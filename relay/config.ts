import { z } from 'zod';
import { variables as v, parseEnvironment } from '../shared/env.ts';
import type { Environment } from '../shared/env.ts';

const schema = z.object({
  PORT: v.PORT.default(8080),
  HOST: v.HOST.optional(),
  PUBLIC_URL: v.PUBLIC_URL,
  REDIS_URL: v.REDIS_URL,
  TWILIO_ACCOUNT_SID: v.TWILIO_ACCOUNT_SID,
  TWILIO_AUTH_TOKEN: v.TWILIO_AUTH_TOKEN,
  TWILIO_WHATSAPP_NUMBER: v.TWILIO_WHATSAPP_NUMBER,
  TWILIO_API_URL: v.TWILIO_API_URL.optional(),
  TWILIO_TEMPLATE_SID: v.TWILIO_TEMPLATE_SID.optional(),
  ALLOWED_SENDERS: v.ALLOWED_SENDERS,
  WAKE_URL: v.WAKE_URL.optional(),
  WAKE_SECRET: v.WAKE_SECRET.optional(),
  ADMIN_PASSWORD: v.ADMIN_PASSWORD.optional(),
  PACE_SECONDS: v.PACE_SECONDS.optional(),
  PACE_BURST: v.PACE_BURST.optional(),
  LOG_LEVEL: v.LOG_LEVEL.default('info'),
});

export type RelayConfig = z.output<typeof schema>;

/** The relay's configuration from the environment. Throws SetupError that names every problem. */
export function parseRelayConfig(environment: Environment): RelayConfig {
  return parseEnvironment(schema, environment);
}
