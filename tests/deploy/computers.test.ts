import { expect, test } from 'vitest';
import { chooseComputers, computerOf, findComputers } from '../../deploy/computers/computer.ts';
import { namesFor } from '../../deploy/names.ts';
import { parseDeployOptions } from '../../deploy/options.ts';
import { WrongUsage } from '../../shared/runtime/command-line.ts';
import { agreements, isChange, prefix, shapeOf, withDeploy } from '../support/deploy-bench.ts';
import type { DeployBench } from '../support/deploy-bench.ts';

const east = `${prefix}-vm-east`;

/** The system's own secrets of an app, by name. */
const secretsOf = ({ fly }: DeployBench, app: string): Record<string, string | undefined> =>
  Object.fromEntries(
    Object.entries(fly.apps[app]?.secrets ?? {}).map(([name, { value }]) => [name, value]),
  );

const changes = ({ fly }: DeployBench, from = 0): string[] =>
  fly.calls
    .slice(from)
    .filter(({ argv }) => isChange(argv))
    .map(({ argv }) => argv.join(' '));

/** What stands behind a computer’s Flycast address. */
function reach(bench: DeployBench, ...homes: string[]): void {
  for (const home of homes)
    bench.fly.flycast[`http://${prefix}-vm-${home}.flycast`] = bench.outside.url;
}

test('a computer’s name fits its home, Fly, and no other system', () => {
  const names = namesFor('sidepocket-b2');
  for (const wrong of ['', 'East', '-east', 'east-', 'a_b', 'x'.repeat(33), 'vm', 'my-redis-2'])
    expect(() => computerOf(names, wrong)).toThrow(WrongUsage);
  expect(() => computerOf(namesFor('x'.repeat(50)), 'a-long-name')).toThrow('too long');
  const apps = ['-vm', '-relay', '-vm-east', '-vm-home-10', '-vm-home-2', '-vm-east-relay'];
  const found = findComputers(names, [
    ...apps.map((end) => `sidepocket-b2${end}`),
    'sidepocket-vm-x',
  ]);
  expect(found.map(({ home }) => home)).toEqual(['east', 'home-2', 'home-10']);
  const homes = (named: string[], total: number | undefined): string[] =>
    chooseComputers(names, [computerOf(names, 'east')], { named, total }).map(({ home }) => home);
  expect(homes([], undefined)).toEqual(['east']);
  expect(homes([], 3)).toEqual(['east', 'home-2']);
  expect(homes(['home-2', 'west'], 5)).toEqual(['east', 'home-2', 'west', 'home-3']);
  expect(homes([], 1)).toEqual(['east']);
  for (const wrong of ['0', '100', 'two', '-1'])
    expect(() => parseDeployOptions([`--vms=${wrong}`])).toThrow('from 1 to 99');
});

test('a further computer has an app, a volume, an address, the network and the settings of the first one, and a wake secret of its own; with a bucket, all save to it', async () => {
  await withDeploy({}, async (bench) => {
    reach(bench, 'east');
    await bench.deploy();
    // Fly gives no values back, and this time the owner has none here.
    const { TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_WHATSAPP_NUMBER, TWILIO_API_URL } =
      bench.owner;
    const environment = {
      TWILIO_ACCOUNT_SID,
      TWILIO_AUTH_TOKEN,
      TWILIO_WHATSAPP_NUMBER,
      TWILIO_API_URL,
    } as Record<string, string>;
    const before = bench.fly.calls.length;
    const added = await bench.deploy(['--vm', 'east', '--storage'], { environment });
    expect(added.error).toBeUndefined();
    expect(added.output).toContain('Everybody stays on the first computer until');
    expect(changes(bench, before).map((line) => line.split(' ').slice(0, 5).join(' '))).toEqual([
      expect.stringMatching(new RegExp(`^storage create --name ${prefix}-homes-[0-9a-f]{6} --org`)),
      `secrets import --app ${prefix}-vm --stage`,
      `deploy --config fly.vm.toml --app ${prefix}-vm`,
      `apps create ${east} --org personal`,
      `volumes create data --app ${east}`,
      `ips allocate-v6 --private --app ${east}`,
      `secrets import --app ${east} --stage`,
      `deploy --config fly.vm.toml --app ${east}`,
    ]);
    const shape = shapeOf(bench.fly) as Record<string, object>;
    const alike = ['volumes', 'addresses', 'staged', 'machine'] as const;
    for (const part of alike)
      expect(Reflect.get(shape[east] ?? {}, part)).toEqual(
        Reflect.get(shape[`${prefix}-vm`] ?? {}, part),
      );
    expect(bench.fly.apps[east]?.network).toBe(bench.fly.apps[`${prefix}-vm`]?.network);
    const [first, second] = [secretsOf(bench, `${prefix}-vm`), secretsOf(bench, east)];
    expect(second).toEqual({
      ...first,
      HOME_NAME: 'east',
      WAKE_ADDRESS: `http://${east}.flycast`,
      WAKE_SECRET: expect.stringMatching(/^[\w-]{32}$/),
    });
    expect(second['WAKE_SECRET']).not.toBe(first['WAKE_SECRET']);
    const [[bucket, key] = []] = Object.entries(bench.fly.buckets);
    expect(first).toMatchObject({
      SNAPSHOT_REPOSITORY: `s3:https://fly.storage.tigris.dev/${bucket}`,
      SNAPSHOT_KEY_ID: `tid_${bucket}`,
      SNAPSHOT_KEY_SECRET: key,
      SNAPSHOT_REGION: 'auto',
    });
    expect(added.output.split(first['SNAPSHOT_PASSWORD'] ?? 'none')).toHaveLength(2);
    const argv = bench.fly.calls.map((call) => call.argv.join(' ')).join('\n');
    const hidden = [key, second['WAKE_SECRET']];
    for (const secret of [first['SNAPSHOT_PASSWORD'], ...hidden])
      expect(argv).not.toContain(secret);
    for (const secret of hidden) expect(added.output).not.toContain(secret);

    const [apps, done] = [structuredClone(bench.fly.apps), changes(bench).length];
    const again = await bench.deploy(['--vm', 'east', '--storage', '--vms', '2'], { environment });
    expect(again.error).toBeUndefined();
    expect(again.output).toContain('Everything was there already.');
    expect(changes(bench)).toHaveLength(done);
    expect(bench.fly.apps).toEqual(apps);
    const findings = await bench.examine();
    expect(findings.filter(({ status }) => status === 'problem')).toEqual([]);
    expect(findings.map(({ about }) => about)).toEqual(
      expect.arrayContaining([east, `${east}’s volume`, `${east}’s secrets`]),
    );
    const computer = bench.fly.apps[east];
    if (computer) delete computer.secrets['HOME_NAME'];
    expect(await bench.examine()).toContainEqual(
      expect.objectContaining({ about: `${east}’s secrets`, detail: 'missing: HOME_NAME' }),
    );
  });
});

test('new secrets reach every computer, also when Redis is made anew', async () => {
  await withDeploy({}, async (bench) => {
    reach(bench, 'home-2', 'home-3');
    const first = await bench.deploy(['--vms', '3']);
    expect(first.error).toBeUndefined();
    expect(first.output).toContain('With --storage they are saved in a bucket');
    const computers = [`${prefix}-vm-home-2`, `${prefix}-vm-home-3`];
    const wake = computers.map((app) => secretsOf(bench, app)['WAKE_SECRET']);
    // Redis is gone, and the run is cut off when the first of the three apps has its new secret.
    delete bench.fly.apps[`${prefix}-redis`];
    bench.fly.trouble = {
      on: `secrets import --app ${prefix}-relay`,
      when: 'before',
      times: 1,
    };
    expect((await bench.deploy(['--redis', 'own'])).error).toBeDefined();
    expect((await bench.deploy()).error).toBeUndefined();
    const { redis } = agreements(bench.fly);
    const addresses = computers.map((app) => secretsOf(bench, app)['REDIS_URL']);
    expect(new Set([...redis, ...addresses]).size).toBe(1);
    expect((await bench.deploy(['--renew', 'WAKE_SECRET'])).error).toBeUndefined();
    const renewed = computers.map((app) => secretsOf(bench, app)['WAKE_SECRET']);
    expect(new Set([...wake, ...renewed, agreements(bench.fly).wake[0]]).size).toBe(5);
    expect(shapeOf(bench.fly)).toMatchObject(
      Object.fromEntries(computers.map((app) => [app, { staged: [] }])),
    );
  });
});

/** Every command that adds a computer and a bucket. */
const steps = [
  'storage create',
  `secrets import --app ${prefix}-vm --stage`,
  `deploy --config fly.vm.toml --app ${prefix}-vm `,
  `apps create ${east}`,
  `volumes create data --app ${east}`,
  `ips allocate-v6 --private --app ${east}`,
  'printenv',
  `secrets import --app ${east}`,
  `deploy --config fly.vm.toml --app ${east}`,
  `http://${east}.flycast/health`,
];

test.each(['before', 'after'] as const)(
  'adding a computer that fails once at each step, %s fly has done its part, is completed by running it again',
  { tags: 'long' },
  async (when) => {
    await withDeploy({}, async (bench) => {
      reach(bench, 'east');
      await bench.deploy();
      for (const on of steps) {
        bench.fly.trouble = { on, when, times: 1 };
        const { error } = await bench.deploy(['--vm', 'east', '--storage']);
        expect(error?.name, `failing at ${on}`).toBe('StepFailed');
        expect(bench.fly.trouble.times).toBe(0);
      }
      expect((await bench.deploy(['--vm', 'east', '--storage'])).error).toBeUndefined();
      const [first, second] = [secretsOf(bench, `${prefix}-vm`), secretsOf(bench, east)];
      expect(second).toMatchObject({
        HOME_NAME: 'east',
        REDIS_URL: first['REDIS_URL'],
        SNAPSHOT_PASSWORD: first['SNAPSHOT_PASSWORD'],
        SNAPSHOT_KEY_SECRET: first['SNAPSHOT_KEY_SECRET'],
      });
      expect(Object.values(bench.fly.buckets)).toContain(first['SNAPSHOT_KEY_SECRET']);
      expect(shapeOf(bench.fly)).toMatchObject({
        [east]: { staged: [], volumes: [{ name: 'data' }], addresses: ['private_v6'] },
        [`${prefix}-vm`]: { staged: [] },
      });
    });
  },
);
