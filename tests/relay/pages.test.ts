import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { copyScript } from '../../relay/pages/copy-script.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createPageStore } from '../../shared/store/pages.ts';
import { earlyInTheMinute } from '../support/minute.ts';
import { withRelay } from '../support/relay-bench.ts';
import type { RelayBench } from '../support/relay-bench.ts';
import { until } from '../support/until.ts';

const day = 24 * 3600 * 1000;
const markdown = readFileSync(
  path.join(import.meta.dirname, '..', 'fixtures', 'long-answer.md'),
  'utf8',
);

async function putPage(
  { redis }: Pick<RelayBench, 'redis'>,
  text: string,
  answer = 'answer',
): Promise<string> {
  return (await createPageStore(redis).put(answer, text)) ?? '';
}

/** The HTML of a page, and its headers. */
async function read(
  url: string,
  method = 'GET',
): Promise<{ status: number; headers: Headers; html: string }> {
  const response = await fetch(url, { method });
  return { status: response.status, headers: response.headers, html: await response.text() };
}

test('a page is served whole, by GET and HEAD, with headers that let it load nothing and run only what copies code', async () => {
  await withRelay({}, async (bench) => {
    const url = `${bench.relayUrl}/page/${await putPage(bench, markdown)}`;
    // A busy machine may not render it in time, which shows its plain text.
    const { headers, html } = await until('the rendered page', async () => {
      const shown = await read(url);
      expect(shown.status).toBe(200);
      return shown.html.includes('<title>Why the login page broke on phones</title>') && shown;
    });
    expect(html).toContain('<span class="hljs-addition">+  min-height: 100dvh;</span>');
    const own = `<script>${copyScript}</script>`;
    expect(html.split(own)).toHaveLength(2);
    expect(html.replace(own, '').match(/<script|<img|<iframe|\son\w+=|javascript:/g)).toBeNull();
    const digest = createHash('sha256').update(copyScript).digest('base64');
    expect(html).toMatch(/<time datetime="[^"]+">\d+ \w+ \d{4}, \d\d:\d\d UTC<\/time>/);
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy.endsWith(`; script-src 'sha256-${digest}'`)).toBe(true);
    expect(policy.replace(/; script-src [^;]*$/, '')).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
    );
    expect(headers.get('cache-control')).toBe('private, max-age=3600');
    const fixed = [
      'x-content-type-options',
      'referrer-policy',
      'x-robots-tag',
      'set-cookie',
      'x-powered-by',
    ].map((name) => headers.get(name));
    expect(fixed).toEqual(['nosniff', 'no-referrer', 'noindex, nofollow', null, null]);
    const head = await read(url, 'HEAD');
    expect([head.status, head.html, head.headers.get('content-security-policy')]).toEqual([
      200,
      '',
      headers.get('content-security-policy'),
    ]);
  });
});

test('a page names the question as text and how long its link lives; without code it has no script', async () => {
  await withRelay({}, async ({ redis, relayUrl }) => {
    const asked = `Why?\n<script>alert(1)</script>${' and why'.repeat(100)}`;
    const token = await createPageStore(redis).put('answer', 'Because.', 'answer', asked);
    const { headers, html } = await read(`${relayUrl}/page/${token ?? ''}`);
    expect(html).toContain(
      '<p class="asked"><span lang="en">You asked</span> Why? &lt;script&gt;alert(1)&lt;/script&gt; and why',
    );
    expect(html).toContain('…</p>');
    expect(html).toMatch(/can read it until \d+ \w+ \d{4}\./);
    expect(html).not.toContain('<script');
    expect(headers.get('content-security-policy')).not.toContain('script-src');
  });
});

test('an address that is wrong, changed or expired is a page that says so in plain words', async () => {
  await withRelay({}, async (bench) => {
    const token = await putPage(bench, markdown);
    const expired =
      (await createPageStore(bench.redis, 30, undefined, () => Date.now() - 31 * day).put(
        'old',
        'text',
      )) ?? '';
    const changed = `${token.startsWith('A') ? 'B' : 'A'}${token.slice(1)}`;
    for (const name of [
      'x',
      'A'.repeat(48),
      changed,
      expired,
      `${token}x`,
      token.slice(1),
      '..%2f..%2fetc%2fpasswd',
      '%00',
      'a'.repeat(5000),
    ]) {
      const { status, headers, html } = await read(`${bench.relayUrl}/page/${name}`);
      expect(status, `of ${name}`).toBe(404);
      expect(html).toContain('<h1>There is no page here</h1>');
      expect(headers.get('cache-control')).toBe('private, no-store');
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    }
    expect((await read(`${bench.relayUrl}/page/%ff`)).status).toBe(400);
    expect((await read(`${bench.relayUrl}/page/${token}`, 'POST')).status).toBe(404);
    expect((await read(`${bench.relayUrl}/page/${token}`)).status).toBe(200);
    const [kept = ''] = await bench.redis.keys(keys.page('*'));
    await bench.redis.del(kept);
    expect((await read(`${bench.relayUrl}/page/${token}`)).status).toBe(404);
    expect(JSON.stringify(bench.logged())).not.toContain(token);
  });
});

test('a browser asks again before the page expires', async () => {
  await withRelay({}, async ({ redis, relayUrl }) => {
    const token = await createPageStore(
      redis,
      30,
      undefined,
      () => Date.now() - 30 * day + 600_000,
    ).put('answer', 'text');
    const { headers } = await read(`${relayUrl}/page/${token ?? ''}`);
    const maxAge = Number(/^private, max-age=(\d+)$/.exec(headers.get('cache-control') ?? '')?.[1]);
    expect(maxAge).toBeGreaterThan(0);
    expect(maxAge).toBeLessThanOrEqual(600);
  });
});

test('guessing addresses is turned away like any other guessing', { tags: 'long' }, async () => {
  await withRelay({}, async ({ relayUrl }) => {
    await earlyInTheMinute();
    const statuses: number[] = [];
    for (let round = 0; round < 70; round += 1)
      statuses.push((await fetch(`${relayUrl}/page/${String(round).padStart(48, 'A')}`)).status);
    expect([statuses[0], statuses.at(-1)]).toEqual([404, 429]);
  });
});

test('a text that cannot be laid out is shown as it is written, and the relay answers others meanwhile', async () => {
  await withRelay({}, async (bench) => {
    const endless = `<b>${'_a_'.repeat(130_000)}`;
    let isDone = false;
    const page = read(`${bench.relayUrl}/page/${await putPage(bench, endless, 'endless')}`).finally(
      () => (isDone = true),
    );
    for (let round = 0; round < 5; round += 1)
      expect((await fetch(`${bench.relayUrl}/health`)).status).toBe(200);
    expect(isDone).toBe(false);
    const { status, html } = await page;
    expect(status).toBe(200);
    expect(html).toContain(`<pre class="plain">&lt;b&gt;${'_a_'.repeat(130_000)}</pre>`);
    const nested = await read(
      `${bench.relayUrl}/page/${await putPage(bench, `${'>'.repeat(100_000)} deep`, 'nested')}`,
    );
    expect(nested.html).toContain('&gt; deep</pre>');
    // The next one is laid out again.
    const token = await putPage(bench, '# Well', 'well');
    await until('the next one is laid out', async () =>
      (await read(`${bench.relayUrl}/page/${token}`)).html.includes('<h1 id="well">Well</h1>'),
    );
    expect(
      bench
        .logged()
        .filter((line) => line['msg'] === 'a page could not be laid out: it is shown as plain text')
        .length,
    ).toBeGreaterThanOrEqual(2);
  });
});
