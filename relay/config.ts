import { z } from 'zod';
import { variables as v, parseEnvironment } from '../shared/runtime/env.ts';
import type { Environment } from '../shared/runtime/env.ts';
import { usualFees } from '../shared/runtime/prices/message-fees.ts';
import { usualRetentionDays } from '../shared/store/redis/retention.ts';

const schema = z
  .object({
    PORT: v.PORT.default(8080),
    HOST: v.HOST.optional(),
    PUBLIC_URL: v.PUBLIC_URL,
    REDIS_URL: v.REDIS_URL,
    TWILIO_ACCOUNT_SID: v.TWILIO_ACCOUNT_SID,
    TWILIO_AUTH_TOKEN: v.TWILIO_AUTH_TOKEN,
    TWILIO_AUTH_TOKEN_SECONDARY: v.TWILIO_AUTH_TOKEN_SECONDARY.optional(),
    TWILIO_WHATSAPP_NUMBER: v.TWILIO_WHATSAPP_NUMBER,
    TWILIO_API_URL: v.TWILIO_API_URL.optional(),
    TWILIO_TEMPLATE_SID: v.TWILIO_TEMPLATE_SID.optional(),
    ALLOWED_SENDERS: v.ALLOWED_SENDERS,
    OWNER: v.OWNER.optional(),
    WAKE_URL: v.WAKE_URL.optional(),
    WAKE_SECRET: v.WAKE_SECRET.optional(),
    WAKE_HOSTS: v.WAKE_HOSTS.optional(),
    PLACEMENT: v.PLACEMENT.default('shared'),
    HOME_DEAD_MINUTES: v.HOME_DEAD_MINUTES.default(10),
    ADMIN_PASSWORD: v.ADMIN_PASSWORD.optional(),
    ADMIN_WRITE: v.ADMIN_WRITE.default(false),
    BUDGET_USD_PER_MONTH: v.BUDGET_USD_PER_MONTH.optional(),
    MESSAGE_FEES: v.MESSAGE_FEES.default(usualFees),
    IDLE_USD_PER_MONTH: v.IDLE_USD_PER_MONTH.optional(),
    VM_USD_PER_HOUR: v.VM_USD_PER_HOUR.optional(),
    PRETEND_COSTS: v.PRETEND_COSTS.default(false),
    TRUST_PROXY: v.TRUST_PROXY.optional(),
    // WhatsApp sends up to 100 pictures at once, each as its own message.
    SENDER_LIMIT_PER_MINUTE: v.SENDER_LIMIT_PER_MINUTE.default(120),
    RETENTION_DAYS: v.RETENTION_DAYS.default(usualRetentionDays),
    PACE_SECONDS: v.PACE_SECONDS.optional(),
    PACE_BURST: v.PACE_BURST.optional(),
    OTEL_EXPORTER_OTLP_ENDPOINT: v.OTEL_EXPORTER_OTLP_ENDPOINT.optional(),
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: v.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.optional(),
    OTEL_SDK_DISABLED: v.OTEL_SDK_DISABLED.optional(),
    LOG_LEVEL: v.LOG_LEVEL.default('info'),
  })
  .refine((env) => env.WAKE_URL === undefined || env.WAKE_SECRET !== undefined, {
    path: ['WAKE_SECRET'],
    message:
      'is missing, and WAKE_URL is set: without it anything that reaches the worker could wake it. Make one with “openssl rand -hex 32” (or “node -p "crypto.randomBytes(32).toString(\'hex\')"”) and give the same to the relay and the worker',
    // Reported together with the other problems, not after them.
    when: () => true,
  })
  .refine(
    ({ OWNER, ALLOWED_SENDERS }) =>
      OWNER === undefined || ALLOWED_SENDERS?.includes(OWNER) !== false,
    {
      path: ['OWNER'],
      message: 'must be one of ALLOWED_SENDERS, written as it is there',
      when: () => true,
    },
  )
  // The relay itself speaks no TLS: if its public address is https, a proxy stands in front.
  .transform((env) => ({
    ...env,
    OWNER: env.OWNER ?? env.ALLOWED_SENDERS[0] ?? '',
    TRUST_PROXY: env.TRUST_PROXY ?? (env.PUBLIC_URL.startsWith('https:') ? 1 : 0),
  }));

export type RelayConfig = z.output<typeof schema>;

/** The relay's configuration from the environment. Throws SetupError that names every problem. */
export function parseRelayConfig(environment: Environment): RelayConfig {
  return parseEnvironment(schema, environment);
}
