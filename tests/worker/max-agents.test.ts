import { expect, test } from 'vitest';
import { parseWorkerConfig } from '../../worker/config.ts';
import { maxAgents } from '../../worker/max-agents.ts';

const gigabyte = 1024 ** 3;
const noLimit = 2 ** 64;

test.each([
  [0.5, 0, 1], [2, 0, 1], [4, 0, 4], [8, noLimit, 10], [64, 0, 16], [64, 4 * gigabyte, 4], [4, 64 * gigabyte, 4],
])('%d GB with a limit of %d bytes are for %d agents', (total, constrained, agents) => {
  expect(maxAgents(total * gigabyte, constrained)).toBe(agents);
});

const environment = {
  PUBLIC_URL: 'https://relay.test', REDIS_URL: 'redis://127.0.0.1:6379', TWILIO_ACCOUNT_SID: `AC${'1'.repeat(32)}`, TWILIO_AUTH_TOKEN: 'token', TWILIO_WHATSAPP_NUMBER: '+15550100000', ANTHROPIC_API_KEY: 'key',
};

test('MAX_AGENTS goes before, and must be a number of agents', () => {
  expect(parseWorkerConfig(environment).MAX_AGENTS).toBeUndefined();
  expect(parseWorkerConfig({ ...environment, MAX_AGENTS: '3' }).MAX_AGENTS).toBe(3);
  for (const wrong of ['0', '1.5', 'many', '1000']) expect(() => parseWorkerConfig({ ...environment, MAX_AGENTS: wrong })).toThrow(/MAX_AGENTS: must be/);
});
