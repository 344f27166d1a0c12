import { expect, test } from 'vitest';
import { keys } from '../../shared/store/redis/keys.ts';
import { password } from '../support/pipeline.ts';
import { withRelay } from '../support/relay-bench.ts';

test('what goes wrong inside is not told outside, and pages have helmet’s headers', async () => {
  await withRelay({}, async ({ relayUrl, redis, logged }) => {
    const basic = { Authorization: `Basic ${btoa(`x:${password}`)}` };
    // Where a hash should be there is a text, so that Redis refuses what asks for it.
    await redis.set(keys.file('A'.repeat(32)), 'not a hash');
    await redis.set(keys.ownerWords, 'not a hash');
    const answers = await Promise.all([
      fetch(`${relayUrl}/media/${'A'.repeat(32)}`),
      fetch(`${relayUrl}/admin`, { headers: basic }),
    ]);
    for (const answer of answers) {
      const body = await answer.text();
      expect([answer.status, body]).toEqual([503, 'That did not work. Try again in a moment.']);
      expect(JSON.stringify([...answer.headers])).not.toMatch(
        /express|WRONGTYPE|\.ts|node_modules/i,
      );
    }
    expect(
      logged()
        .filter((line) => line['msg'] === 'a request failed')
        .map(({ path }) => path)
        .toSorted(),
    ).toEqual(['/admin', '/media']);
    expect(JSON.stringify(logged())).not.toContain('A'.repeat(32));
    for (const path of ['/admin/sign-in', '/nothing', '/webhook']) {
      const { headers } = await fetch(`${relayUrl}${path}`);
      expect(headers.get('x-powered-by')).toBeNull();
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('x-frame-options')).toBe('SAMEORIGIN');
      expect(headers.get('strict-transport-security')).toMatch(/^max-age=\d{7,}/);
      expect(headers.get('content-security-policy')).toMatch(/default-src 'self'/);
    }
  });
});
