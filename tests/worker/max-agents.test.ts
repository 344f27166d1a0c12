import { expect, test } from 'vitest';
import { parseWorkerConfig } from '../../worker/config.ts';
import { maxAgents, maxLiveAgents } from '../../worker/concurrency.ts';

const gigabyte = 1024 ** 3;
const noLimit = 2 ** 64;

test.each([
  [0.5, 0, 1, 1],
  [2, 0, 1, 3],
  [4, 0, 4, 9],
  [8, noLimit, 10, 21],
  [64, 0, 16, 32],
  [64, 4 * gigabyte, 4, 9],
  [4, 64 * gigabyte, 4, 9],
])(
  '%d GB with a limit of %d bytes are for %d agents at work and %d processes',
  (total, constrained, agents, live) => {
    expect(maxAgents(total * gigabyte, constrained)).toBe(agents);
    expect(maxLiveAgents(total * gigabyte, constrained)).toBe(live);
  },
);

const environment = {
  PUBLIC_URL: 'https://relay.test',
  REDIS_URL: 'redis://127.0.0.1:6379',
  TWILIO_ACCOUNT_SID: `AC${'1'.repeat(32)}`,
  TWILIO_AUTH_TOKEN: 'token',
  TWILIO_WHATSAPP_NUMBER: '+15550100000',
  ANTHROPIC_API_KEY: 'key',
};

test.each(['MAX_AGENTS', 'MAX_LIVE_AGENTS'] as const)(
  '%s goes before, and must be a number',
  (name) => {
    expect(parseWorkerConfig(environment)[name]).toBeUndefined();
    expect(parseWorkerConfig({ ...environment, [name]: '3' })[name]).toBe(3);
    for (const wrong of ['0', '1.5', 'many', '1000'])
      expect(() => parseWorkerConfig({ ...environment, [name]: wrong })).toThrow(
        new RegExp(`${name}: must be`),
      );
  },
);
