import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { agreements, isChange, prefix, shapeOf, withDeploy } from '../support/deploy-bench.ts';
import type { DeployBench } from '../support/deploy-bench.ts';

const changes = ({ fly }: DeployBench): string[] =>
  fly.calls.filter(({ argv }) => isChange(argv)).map(({ argv }) => argv.join(' '));

async function senderOf({
  twin,
  owner,
}: DeployBench): Promise<{ callback_url: string; status_callback_url: string }> {
  const authorization = `Basic ${Buffer.from(`${owner['TWILIO_ACCOUNT_SID']}:${owner['TWILIO_AUTH_TOKEN']}`).toString('base64')}`;
  const response = await fetch(`${twin.url}/v2/Channels/Senders?Channel=whatsapp`, {
    headers: { authorization },
  });
  const { senders } = (await response.json()) as {
    senders: { webhook: { callback_url: string; status_callback_url: string } }[];
  };
  return senders[0]?.webhook ?? { callback_url: '', status_callback_url: '' };
}

const complete = {
  [`${prefix}-redis`]: {
    volumes: [{ name: 'redis', region: 'ams', size_gb: 1 }],
    addresses: [],
    secrets: ['REDIS_PASSWORD'],
    staged: [],
    machine: { tag: expect.stringMatching(/^sidepocket-[0-9a-f]{12}$/), state: 'started' },
  },
  [`${prefix}-relay`]: {
    volumes: [],
    addresses: ['shared_v4', 'v6'],
    staged: [],
    machine: { tag: expect.stringMatching(/^sidepocket-/), state: 'started' },
    secrets: [
      'ADMIN_PASSWORD',
      'ALLOWED_SENDERS',
      'PUBLIC_URL',
      'REDIS_URL',
      'TWILIO_ACCOUNT_SID',
      'TWILIO_AUTH_TOKEN',
      'TWILIO_WHATSAPP_NUMBER',
      'WAKE_SECRET',
      'WAKE_URL',
    ],
  },
  [`${prefix}-vm`]: {
    volumes: [{ name: 'data', region: 'ams', size_gb: 10 }],
    addresses: ['private_v6'],
    staged: [],
    machine: { tag: expect.stringMatching(/^sidepocket-/), state: 'started' },
    secrets: [
      'ANTHROPIC_API_KEY',
      'ANTHROPIC_BASE_URL',
      'GITHUB_TOKEN',
      'PUBLIC_URL',
      'REDIS_URL',
      'TWILIO_ACCOUNT_SID',
      'TWILIO_AUTH_TOKEN',
      'TWILIO_WHATSAPP_NUMBER',
      'WAKE_SECRET',
    ],
  },
};

function expectAgreement(bench: DeployBench): void {
  const { redis, wake } = agreements(bench.fly);
  expect(new Set(redis).size).toBe(1);
  expect(new Set(wake).size).toBe(1);
  expect(wake[0]).toMatch(/^[\w-]{32}$/);
}

test('from nothing to three apps that Twilio calls; a dry run before and a second run change nothing', async () => {
  await withDeploy({}, async (bench) => {
    const plan = await bench.deploy(['--dry-run']);
    expect(plan.error).toBeUndefined();
    expect(plan.output).toContain('(from standard input: TWILIO_ACCOUNT_SID TWILIO_AUTH_TOKEN');
    expect(bench.fly.apps).toEqual({});
    const first = await bench.deploy(['--region', 'ams']);
    expect(first.error).toBeUndefined();
    expect(shapeOf(bench.fly)).toEqual(complete);
    expectAgreement(bench);
    expect(bench.outside.wakes).toEqual([`Bearer ${agreements(bench.fly).wake[0]}`]);
    const wanted = {
      callback_url: `${bench.outside.url}/webhook#ct=2000&rt=4000&rc=3&rp=5xx,ct,rt`,
      status_callback_url: `${bench.outside.url}/webhook/status`,
    };
    expect(await senderOf(bench)).toMatchObject(wanted);
    const password = bench.fly.apps[`${prefix}-relay`]?.secrets['ADMIN_PASSWORD']?.value ?? 'none';
    expect(first.output.split(password)).toHaveLength(2);

    const [before, done] = [structuredClone(bench.fly.apps), changes(bench).length];
    const second = await bench.deploy();
    expect(second.error).toBeUndefined();
    expect(second.output).toContain('Everything was there already.');
    expect(second.output).not.toContain('password');
    expect(changes(bench)).toHaveLength(done);
    expect(bench.fly.apps).toEqual(before);
    expect(await senderOf(bench)).toMatchObject(wanted);
  });
});

test('no secret is in a command line or on the screen, and no variable of ours in the environment of fly', async () => {
  await withDeploy({}, async (bench) => {
    Object.assign(bench.environment, bench.owner, { FLY_API_TOKEN: 'of fly itself' });
    const { output, error } = await bench.deploy([], { byProgram: true });
    expect(error).toBeUndefined();
    const values = Object.values(bench.fly.apps).flatMap((app) => Object.entries(app.secrets));
    const secrets = values
      .filter(([name]) => /TOKEN|KEY|SECRET|PASSWORD|REDIS_URL/.test(name))
      .map(([, { value }]) => value);
    expect(new Set(secrets).size).toBe(7);
    for (const secret of secrets)
      expect(bench.fly.calls.flatMap(({ argv }) => argv).join('\n')).not.toContain(secret);
    for (const secret of secrets.filter(
      (value) => value !== bench.fly.apps[`${prefix}-relay`]?.secrets['ADMIN_PASSWORD']?.value,
    ))
      expect(output).not.toContain(secret);
    expect(
      bench.fly.calls
        .filter(({ stdin }) => stdin !== '')
        .map(({ argv }) => argv.slice(0, 2).join(' ')),
    ).toEqual(Array(3).fill('secrets import'));
    const variables = new Set(bench.fly.calls.flatMap((call) => call.variables));
    expect(variables).toContain('FLY_API_TOKEN');
    expect(Object.keys(bench.owner).filter((name) => variables.has(name))).toEqual([]);
  });
});

test(
  'code that changed is deployed, to the apps that it is part of',
  { tags: 'long' },
  async () => {
    await withDeploy({}, async (bench) => {
      await bench.deploy();
      const done = changes(bench).length;
      await writeFile(path.join(bench.sources, 'relay', 'code.ts'), '// changed\n');
      expect((await bench.deploy()).error).toBeUndefined();
      expect(changes(bench).slice(done)).toEqual([
        expect.stringMatching(`^deploy --config fly.relay.toml --app ${prefix}-relay `),
      ]);
      await writeFile(path.join(bench.sources, 'shared', 'code.ts'), '// changed\n');
      expect((await bench.deploy()).error).toBeUndefined();
      expect(
        changes(bench)
          .slice(done + 1)
          .map((line) => line.split(' ')[4]),
      ).toEqual([`${prefix}-relay`, `${prefix}-vm`]);
    });
  },
);

test('a secret is set again when it is asked for, and only its app is deployed', async () => {
  await withDeploy({}, async (bench) => {
    await bench.deploy();
    const done = changes(bench).length;
    bench.outside.modelKeys.add('a new key');
    const { error } = await bench.deploy(['--renew', 'ANTHROPIC_API_KEY'], {
      environment: { ...bench.owner, ANTHROPIC_API_KEY: 'a new key' },
    });
    expect(error).toBeUndefined();
    expect(
      changes(bench)
        .slice(done)
        .map((line) => line.split(' ').slice(0, 4).join(' ')),
    ).toEqual([`secrets import --app ${prefix}-vm`, 'deploy --config fly.vm.toml --app']);
    expect(bench.fly.apps[`${prefix}-vm`]?.secrets['ANTHROPIC_API_KEY']?.value).toBe('a new key');
    expect((await bench.deploy(['--renew', 'WAKE_SECRET'])).error).toBeUndefined();
    expectAgreement(bench);
    expect(shapeOf(bench.fly)).toMatchObject({
      [`${prefix}-relay`]: { staged: [] },
      [`${prefix}-vm`]: { staged: [] },
    });
  });
});

test('secrets that an earlier run set and did not put in force are put in force', async () => {
  await withDeploy({}, async (bench) => {
    await bench.deploy();
    const relay = bench.fly.apps[`${prefix}-relay`];
    if (relay) relay.secrets['LOG_LEVEL'] = { value: 'debug', at: (bench.fly.clock += 1) };
    expect((await bench.deploy()).error).toBeUndefined();
    expect(shapeOf(bench.fly)).toMatchObject({ [`${prefix}-relay`]: { staged: [] } });
  });
});

/** Every command that changes something, in its order, and the call that wakes. */
const steps = [
  `apps create ${prefix}-redis`,
  `apps create ${prefix}-relay`,
  `apps create ${prefix}-vm`,
  'volumes create redis',
  'volumes create data',
  `ips allocate-v6 --app ${prefix}-relay`,
  'ips allocate-v4',
  'ips allocate-v6 --private',
  `secrets import --app ${prefix}-redis`,
  `secrets import --app ${prefix}-relay`,
  `secrets import --app ${prefix}-vm`,
  'deploy --config fly.redis.toml',
  'deploy --config fly.relay.toml',
  'deploy --config fly.vm.toml',
  'ssh console',
];

async function expectComplete(bench: DeployBench, output: string): Promise<void> {
  expect(shapeOf(bench.fly)).toEqual(complete);
  expectAgreement(bench);
  expect(bench.outside.wakes.at(-1)).toBe(`Bearer ${agreements(bench.fly).wake[0]}`);
  expect((await senderOf(bench)).callback_url).toContain(bench.outside.url);
  expect(output, 'the password of the dashboard was shown').toContain(
    bench.fly.apps[`${prefix}-relay`]?.secrets['ADMIN_PASSWORD']?.value,
  );
}

/**
 * Runs once for each of these calls, which fails before or after fly has done its part, and once
 * more to the end.
 */
async function expectCompletedAfter(
  bench: DeployBench,
  calls: readonly string[],
  when: 'before' | 'after',
  message: string,
): Promise<void> {
  let output = '';
  for (const on of calls) {
    bench.fly.trouble = { on, when, times: 1 };
    const failed = await bench.deploy(['--region', 'ams']);
    expect(failed.error?.message, `failing at ${on}`).toContain(message);
    expect(await senderOf(bench)).toMatchObject({ callback_url: 'https://old.example.com/hook' });
    output += failed.output;
  }
  const last = await bench.deploy(['--region', 'ams']);
  expect(last.error).toBeUndefined();
  await expectComplete(bench, output + last.output);
}

test(
  'a run that fails at any step says so and leaves Twilio alone; running again goes on from there',
  { tags: 'long' },
  async () => {
    await withDeploy(
      {},
      async (bench) =>
        await expectCompletedAfter(bench, steps, 'before', 'the API is out of order'),
    );
  },
);

test(
  'one that fails at every step in turn, after fly has done its part, is completed in the end',
  { tags: 'long' },
  async () => {
    await withDeploy(
      {},
      async (bench) =>
        await expectCompletedAfter(bench, steps, 'after', 'the connection to the API was lost'),
    );
  },
);

test('a run that fails at any look is completed by the next', { tags: 'long' }, async () => {
  const looks = ['auth whoami', 'apps list', 'orgs list', 'volumes list', 'ips list'];
  await withDeploy(
    {},
    async (bench) => await expectCompletedAfter(bench, looks, 'before', 'the API is out of order'),
  );
  await withDeploy({}, async (bench) => {
    await bench.deploy(['--region', 'ams']);
    const before = structuredClone(bench.fly.apps);
    for (const on of ['secrets list', 'machine list']) {
      bench.fly.trouble = { on, when: 'before', times: 1 };
      expect((await bench.deploy(['--region', 'ams'])).error, `failing at ${on}`).toBeDefined();
      expect(bench.fly.apps).toEqual(before);
    }
    expect((await bench.deploy(['--region', 'ams'])).error).toBeUndefined();
    expect(bench.fly.apps).toEqual(before);
  });
});

test('a relay that does not answer, or does not reach Redis, stops the run before Twilio is told, with what to look at', async () => {
  await withDeploy({}, async (bench) => {
    bench.outside.relay.alive = false;
    expect((await bench.deploy()).error?.message).toMatch(
      /does not answer.*\/health answered 502.*fly logs --app sidepocket-test-relay/s,
    );
    Object.assign(bench.outside.relay, { alive: true, ready: false });
    expect((await bench.deploy()).error?.message).toContain('does not reach Redis');
    expect(await senderOf(bench)).toMatchObject({ callback_url: 'https://old.example.com/hook' });
    bench.outside.relay.ready = true;
    expect((await bench.deploy()).error).toBeUndefined();
  });
});
