import { expect, test } from 'vitest';
import { chooseNetwork, describeNetwork, findNetwork } from '../../deploy/networks.ts';
import type { NetworkLook } from '../../deploy/networks.ts';
import { prefix, withDeploy } from '../support/deploy-bench.ts';

const created = (calls: readonly { argv: string[] }[]): string[] =>
  calls
    .map(({ argv }) => argv.join(' '))
    .filter((line) => /^apps create|^ips allocate-v6 --private/.test(line));

test('a new system is alone in a network of its own; one that an earlier version made keeps the organization’s, and both commands say so', async () => {
  await withDeploy({}, async (bench) => {
    const vm = `${prefix}-vm`;
    bench.fly.apps['another'] = {
      organization: 'personal',
      network: '',
      volumes: [],
      addresses: [],
      secrets: {},
      domains: [],
      machine: { id: 'm0', state: 'started', region: 'ams', tag: 'x', at: 1, config: 'x' },
    };
    const first = await bench.deploy();
    expect(first.error).toBeUndefined();
    expect(created(bench.fly.calls)).toEqual([
      ...['redis', 'relay', 'vm'].map(
        (role) => `apps create ${prefix}-${role} --org personal --network ${prefix}`,
      ),
      `ips allocate-v6 --private --app ${vm} --network ${prefix}`,
    ]);
    expect(first.output).not.toContain('private network');

    for (const app of Object.values(bench.fly.apps)) app.network = '';
    delete bench.fly.apps[vm];
    const before = bench.fly.calls.length;
    const second = await bench.deploy();
    expect(second.error).toBeUndefined();
    expect(second.output).toMatch(/keep the private network .* share it with another/);
    expect(created(bench.fly.calls.slice(before))).toEqual([
      `apps create ${vm} --org personal`,
      `ips allocate-v6 --private --app ${vm}`,
    ]);
    const found = (await bench.examine()).filter(({ about }) => about === 'Network');
    expect(found).toMatchObject([
      { status: 'unchecked', detail: expect.stringContaining('share it with another') },
    ]);
  });
});

test('which network it is is read from the machines’ addresses', async () => {
  const machines: Record<string, string> = {
    'p-redis': 'fdaa:0:1:a7b:1::2',
    'p-relay': 'fdaa:0:1:a7b:2::2',
    'p-vm': '',
    other: 'fdaa:0:1:a7b:3::2',
    apart: 'fdaa:0:2:a7b:3::2',
    foreign: 'fdaa:0:1:a7b:4::2',
  };
  const account = {
    machines: async (app: string) => [
      { id: 'm', state: 'started', region: 'ams', tag: '', privateIp: machines[app] ?? '' },
    ],
  };
  const look = async (...apps: string[]): Promise<NetworkLook> =>
    await findNetwork(
      account,
      { prefix: 'p', redis: 'p-redis', relay: 'p-relay', vm: 'p-vm' },
      new Map(apps.map((app) => [app, app === 'foreign' ? 'company' : 'personal'])),
    );
  expect(await look('other')).toEqual({ state: 'none' });
  expect(await look('p-vm', 'other')).toEqual({ state: 'unknown' });
  expect(await look('p-redis', 'p-relay', 'p-vm', 'apart', 'foreign')).toEqual({
    state: 'found',
    others: [],
  });
  expect(await look('p-redis', 'p-vm', 'other', 'apart')).toEqual({
    state: 'found',
    others: ['other'],
  });
  machines['p-vm'] = 'fdaa:0:9:a7b:2::2';
  expect(await look('p-redis', 'p-vm')).toEqual({ state: 'apart' });
});

test('where a missing part is created', () => {
  const own = { kind: 'own' } as const;
  const at = (url: string): { kind: 'url'; url: string } => ({ kind: 'url', url });
  expect(chooseNetwork('p', { state: 'none' }, own, undefined)).toBe('p');
  expect(chooseNetwork('p', { state: 'none' }, { kind: 'upstash' }, undefined)).toBeUndefined();
  for (const [url, network] of [
    ['rediss://default:x@eu1.upstash.example:6379', 'p'],
    ['redis://default:x@fly-db.upstash.io:6379', undefined],
    ['redis://default:x@my-redis.internal:6379', undefined],
    ['redis://my-redis.flycast', undefined],
  ] as const) {
    expect(chooseNetwork('p', { state: 'none' }, at(url), undefined), `with ${url}`).toBe(network);
  }
  expect(
    chooseNetwork('p', { state: 'found', others: ['another'] }, own, undefined),
  ).toBeUndefined();
  expect(chooseNetwork('p', { state: 'found', others: [] }, own, undefined)).toBe('p');
  expect([
    chooseNetwork('p', { state: 'none' }, own, 'organization'),
    chooseNetwork('p', { state: 'found', others: ['another'] }, own, 'own'),
  ]).toEqual([undefined, 'p']);
  expect([
    describeNetwork({ state: 'none' }),
    describeNetwork({ state: 'found', others: [] }),
  ]).toEqual([undefined, undefined]);
});
