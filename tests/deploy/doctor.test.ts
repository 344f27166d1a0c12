import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test, vi } from 'vitest';
import { judgeClock } from '../../deploy/doctor/clock.ts';
import { examine } from '../../deploy/doctor/doctor.ts';
import type { Finding } from '../../deploy/doctor/finding.ts';
import { parseDoctorOptions } from '../../deploy/doctor/options.ts';
import { judgeKeeping, judgeServer } from '../../deploy/doctor/redis.ts';
import { judgeWebhook } from '../../deploy/doctor/twilio.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { runRedisServer } from '../../simulator/redis-server.ts';
import { findChromium } from '../../worker/agent/mcp/browser.ts';
import { prefix, withDeploy } from '../support/deploy-bench.ts';
import { runEntry } from '../support/fly-bench.ts';
import { withPipeline } from '../support/pipeline.ts';
import type { Pipeline } from '../support/pipeline.ts';

const chromium = await findChromium(process.env['PATH'] ?? '');

/** Runs the doctor as a person would, with this environment and nothing else. */
async function consult(
  own: Record<string, string>,
): Promise<{ code: number; findings: Finding[]; text: string }> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-doctor-'));
  try {
    const environment = { PATH: process.env['PATH'] ?? '', HOME: dir, ...own };
    const { code, output } = await runEntry('deploy/doctor/main.ts', ['--json'], dir, environment);
    return { code, findings: JSON.parse(output) as Finding[], text: output };
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** What it finds, without a process of its own. */
async function look(
  own: Record<string, string>,
  ...args: string[]
): Promise<{ findings: Finding[]; text: string }> {
  const options = parseDoctorOptions(args);
  if (options === 'help') throw new Error('the test asks for help');
  const unasked = (): never => {
    throw new Error('fly was asked');
  };
  const environment = { PATH: process.env['PATH'] ?? '', ...own };
  const log = createLog('doctor', 'silent');
  const findings = await examine(options, {
    environment,
    fly: { run: unasked },
    labels: unasked,
    log,
  });
  return { findings, text: JSON.stringify(findings) };
}

const problems = (findings: Finding[]): string[] =>
  findings.filter(({ status }) => status === 'problem').map(({ about }) => about);
const about = (findings: Finding[], name: string): Finding[] =>
  findings.filter((finding) => finding.about === name);

/** Points the twin's sender where the doctor wants it. */
async function point(
  { twin, environment, relayUrl }: Pipeline,
  fragment = '#ct=2000&rt=4000&rc=3&rp=5xx,ct,rt',
): Promise<void> {
  const headers = {
    authorization: `Basic ${btoa(`${environment['TWILIO_ACCOUNT_SID']}:${environment['TWILIO_AUTH_TOKEN']}`)}`,
    'content-type': 'application/json',
  };
  const { senders } = (await (
    await fetch(`${twin.url}/v2/Channels/Senders?Channel=whatsapp`, { headers })
  ).json()) as { senders: { sid: string }[] };
  await fetch(`${twin.url}/v2/Channels/Senders/${senders[0]?.sid}`, {
    method: 'POST',
    headers,
    body: JSON.stringify({
      webhook: {
        callback_url: `${relayUrl}/webhook${fragment}`,
        status_callback_url: `${relayUrl}/webhook/status`,
      },
    }),
  });
}

test(
  'where all is well nothing is wrong, where it is not every problem is found; no secret is shown',
  { tags: 'long' },
  async () => {
    await withPipeline(
      {
        environment: {
          CLAUDE_CODE_OAUTH_TOKEN: `sk-ant-oat01-${'s'.repeat(40)}`,
          ANTHROPIC_API_KEY: '',
        },
      },
      async (pipeline) => {
        await point(pipeline);
        const { code, findings, text } = await consult(pipeline.environment);
        expect(problems(findings)).toEqual([]);
        expect(code).toBe(0);
        expect(new Set(findings.map((finding) => finding.about))).toEqual(
          new Set([
            'Variables',
            'Redis',
            'Clock',
            'Twilio',
            'WhatsApp number',
            'Webhook',
            'Status address',
            'Relay',
            'Claude',
            'Chromium',
            'Disk',
            'Homes',
            'Snapshots',
          ]),
        );
        expect(about(findings, 'Claude')).toMatchObject([{ status: 'unchecked' }]);
        expect(about(findings, 'Chromium')).toMatchObject([
          { status: chromium ? 'ok' : 'problem' },
        ]);
        for (const name of ['TWILIO_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN', 'ADMIN_PASSWORD'])
          expect(text).not.toContain(pipeline.environment[name]);
        await expectIll(pipeline);
      },
    );
  },
);

async function expectIll({ redis, environment }: Pipeline): Promise<void> {
  // BullMQ says it on the console, too.
  const said = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  onTestFinished(() => said.mockRestore());
  await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
  await redis.config('SET', 'appendfsync', 'everysec');
  const broken = {
    ...environment,
    PUBLIC_URL: 'http://127.0.0.1:1',
    TWILIO_AUTH_TOKEN: 'a-wrong-token',
    CLAUDE_CODE_OAUTH_TOKEN: '',
    ANTHROPIC_API_KEY: 'scripted',
    ANTHROPIC_BASE_URL: 'http://127.0.0.1:1',
    CHROMIUM_PATH: '/bin/false',
    DATA_DIR: '/proc/nowhere',
    ALLOWED_SENDERS: 'me',
    PACE_SECONDS: 'soon',
  };
  const { code, findings, text } = await consult(broken);
  expect(code).toBe(1);
  const all = [
    'ALLOWED_SENDERS',
    'PACE_SECONDS',
    'Redis',
    'Twilio',
    'Relay',
    'Claude',
    'Chromium',
    'Disk',
  ];
  expect(new Set(problems(findings))).toEqual(new Set(all));
  const ofRedis = about(findings, 'Redis').filter(({ status }) => status === 'problem');
  expect(ofRedis).toMatchObject([
    { advice: 'Set it to noeviction.' },
    { advice: 'Set appendfsync always.' },
  ]);
  expect(
    findings.filter((finding) => finding.status === 'problem' && finding.advice.length < 10),
  ).toEqual([]);
  expect(text).not.toContain('a-wrong-token');
}

test.each([
  [
    'no Redis at all',
    (port: number) => `redis://127.0.0.1:${port}`,
    'nothing listens there',
    'Start Redis',
  ],
  [
    'a name that is not known',
    () => 'redis://redis.invalid:6379',
    'was not reached',
    'Start Redis',
  ],
  [
    'an address inside Fly’s network',
    () => 'redis://default:top-secret@sidepocket-redis.internal:6379',
    'was not reached',
    '--fly',
  ],
] as const)('%s is told apart', async (_what, url, detail, advice) => {
  const { findings, text } = await look({ REDIS_URL: url(1) }, '--for', 'relay');
  expect(about(findings, 'Redis')).toMatchObject([
    {
      status: 'problem',
      detail: expect.stringContaining(detail),
      advice: expect.stringContaining(advice),
    },
  ]);
  expect(text).not.toContain('top-secret');
});

test('a wrong password of Redis is told apart', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-doctor-'));
  const server = await runRedisServer({ dir });
  const redis = new Redis(server.url);
  try {
    await redis.config('SET', 'requirepass', 'the-right-one');
    for (const user of ['default:a-wrong-one@', '']) {
      const url = server.url.replace('redis://', `redis://${user}`);
      const { findings, text } = await look({ REDIS_URL: url }, '--for', 'relay');
      expect(about(findings, 'Redis')).toMatchObject([
        { status: 'problem', detail: expect.stringContaining('does not accept the password') },
      ]);
      expect(text).not.toContain('a-wrong-one');
    }
  } finally {
    redis.disconnect();
    await server.stop();
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
});

test('Redis is judged by what it says of itself', () => {
  const info =
    'redis_version:7.0.15\r\nrole:master\r\nused_memory:95\r\nmaxmemory:100\r\naof_enabled:1\r\nmaxmemory_policy:noeviction\r\n';
  expect(judgeServer(info).map(({ status, detail }) => `${status}: ${detail}`)).toEqual([
    'ok: version 7.0.15',
    expect.stringContaining('problem: it is 95 % full'),
  ]);
  expect(
    judgeServer('redis_version:6.0.16\r\nrole:slave\r\naof_last_write_status:err\r\n').map(
      ({ status }) => status,
    ),
  ).toEqual(['problem', 'problem', 'problem']);
  expect(judgeServer('redis_version:6.2.0\r\n')).toMatchObject([{ status: 'ok' }]);
  expect(judgeKeeping(info, 'always')).toMatchObject([{ status: 'ok' }]);
  expect(judgeKeeping(info, 'no')).toMatchObject([{ status: 'problem' }]);
  expect(judgeKeeping('maxmemory_policy:noeviction\r\n', undefined)).toMatchObject([
    { status: 'unchecked' },
  ]);
  expect(
    judgeKeeping('aof_enabled:0\r\nmaxmemory_policy:volatile-lru\r\n', undefined).map(
      ({ status }) => status,
    ),
  ).toEqual(['problem', 'problem']);
});

test('clocks and webhooks are judged', () => {
  expect(
    [judgeClock('Redis', 400), judgeClock('Redis', -59_000), judgeClock('Redis', 61_000)].map(
      ({ status }) => status,
    ),
  ).toEqual(['ok', 'ok', 'problem']);
  const judge = (webhook: string, status_callback: string): string[] =>
    judgeWebhook(
      { sid: 'XE', status: 'ONLINE', webhook, status_callback },
      'https://pocket.example.com',
    ).map(({ status }) => status);
  expect(judge('https://pocket.example.com/webhook#ct=2000&rt=4000&rc=3&rp=5xx,ct,rt', '')).toEqual(
    ['ok', 'ok'],
  );
  expect(
    judge('https://pocket.example.com/webhook', 'https://pocket.example.com/webhook/status'),
  ).toEqual(['problem', 'ok']);
  expect(
    judge('https://pocket.example.com.evil.example/webhook', 'https://old.example.com'),
  ).toEqual(['problem', 'problem']);
  expect(judge('', '')).toEqual(['problem', 'ok']);
});

test('on Fly: what the deployment made is well, and each thing that is taken away is found', async () => {
  await withDeploy({}, async (bench) => {
    const detail = 'there is no Sidepocket in this account';
    expect(await bench.examine()).toMatchObject([{ about: 'Fly', status: 'problem', detail }]);
    await bench.deploy();
    expect(problems(await bench.examine())).toEqual([]);

    const { apps } = bench.fly;
    const [redis, relay, vm] = [
      apps[`${prefix}-redis`],
      apps[`${prefix}-relay`],
      apps[`${prefix}-vm`],
    ];
    if (!redis || !relay || !vm?.machine) throw new Error('the deployment made nothing');
    redis.machine = null;
    redis.volumes = [];
    relay.addresses = [];
    delete relay.secrets['ALLOWED_SENDERS'];
    vm.machine.state = 'stopped';
    vm.addresses = [{ address: '66.241.0.1', type: 'v4' }];
    vm.secrets['LOG_LEVEL'] = { value: 'debug', at: (bench.fly.clock += 1) };
    bench.outside.relay.ready = false;
    const ill = await bench.examine();
    expect(problems(ill)).toEqual([
      `${prefix}-redis`,
      `${prefix}-redis’s volume`,
      `${prefix}-relay’s secrets`,
      `${prefix}-relay’s address`,
      `${prefix}-vm’s secrets`,
      `${prefix}-vm’s address`,
      'Flycast',
      'Relay',
    ]);
    expect(about(ill, `${prefix}-vm`)).toMatchObject([
      { status: 'ok', detail: expect.stringContaining('is asleep') },
    ]);
    const advice = `fly ips release 66.241.0.1 --app ${prefix}-vm`;
    expect(about(ill, `${prefix}-vm’s address`)).toMatchObject([{ advice }]);
    delete apps[`${prefix}-vm`];
    expect(problems(await bench.examine('--prefix', prefix))).toContain(`${prefix}-vm`);
    bench.fly.signedIn = false;
    expect(await bench.examine()).toMatchObject([
      { about: 'Fly', detail: expect.stringContaining('fly auth login') },
    ]);
  });
});
