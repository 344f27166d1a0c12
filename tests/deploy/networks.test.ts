import { expect, test } from 'vitest';
import { chooseNetwork, describeNetwork } from '../../deploy/networks.ts';
import { prefix, withDeploy } from '../support/deploy-bench.ts';

const created = (calls: readonly { argv: string[] }[]): string[] => calls.map(({ argv }) => argv.join(' ')).filter((line) => /^apps create|^ips allocate-v6 --private/.test(line));

test('a new system is alone in a network of its own, with the address by which its VM is woken', async () => {
  await withDeploy({}, async (bench) => {
    bench.fly.apps['another'] = { organization: 'personal', network: '', volumes: [], addresses: [], secrets: {}, domains: [], machine: { id: 'm0', state: 'started', region: 'ams', tag: 'x', at: 1, config: 'x' } };
    const { output, error } = await bench.deploy();
    expect(error).toBeUndefined();
    for (const line of created(bench.fly.calls)) expect(line).toContain(` --network ${prefix}`);
    expect(created(bench.fly.calls)).toHaveLength(4);
    expect(output).not.toContain('private network');
    // What is missing later comes back into the same.
    const [before, vm] = [bench.fly.calls.length, `${prefix}-vm`];
    delete bench.fly.apps[vm];
    expect((await bench.deploy()).error).toBeUndefined();
    expect(created(bench.fly.calls.slice(before))).toEqual([`apps create ${vm} --org personal --network ${prefix}`, `ips allocate-v6 --private --app ${vm} --network ${prefix}`]);
  });
}, 60_000);

test('a system that an earlier version made keeps the organization’s network, and both commands say so', async () => {
  await withDeploy({}, async (bench) => {
    expect((await bench.deploy(['--network', 'organization'])).error).toBeUndefined();
    expect(created(bench.fly.calls).filter((line) => line.includes('--network'))).toEqual([]);
    bench.fly.apps['another'] = { organization: 'personal', network: '', volumes: [], addresses: [], secrets: {}, domains: [], machine: { id: 'm0', state: 'started', region: 'ams', tag: 'x', at: 1, config: 'x' } };
    const before = bench.fly.calls.length;
    delete bench.fly.apps[`${prefix}-vm`];
    const { output } = await bench.deploy();
    expect(output).toMatch(/keep the private network .* share it with another/);
    expect(created(bench.fly.calls.slice(before)).filter((line) => line.includes('--network'))).toEqual([]);
    const doctor = async (): Promise<unknown[]> => {
      const { output: found } = await bench.run('deploy/doctor/main.ts', ['--fly', '--json', '--url', bench.outside.url], bench.owner);
      return (JSON.parse(found) as { about: string }[]).filter(({ about }) => about === 'Network');
    };
    expect(await doctor()).toMatchObject([{ status: 'unchecked', detail: expect.stringContaining('share it with another') }]);
    const vm = bench.fly.apps[`${prefix}-vm`];
    if (vm) vm.network = 'elsewhere';
    expect(await doctor()).toMatchObject([{ status: 'problem', detail: expect.stringContaining('cannot reach each other') }]);
  });
}, 60_000);

test('where a missing part is created', () => {
  const own = { kind: 'own' } as const;
  const at = (url: string): { kind: 'url'; url: string } => ({ kind: 'url', url });
  expect(chooseNetwork('p', { state: 'none' }, own, undefined)).toBe('p');
  expect(chooseNetwork('p', { state: 'none' }, { kind: 'upstash' }, undefined)).toBeUndefined();
  for (const [url, network] of [['rediss://default:x@eu1.upstash.example:6379', 'p'], ['redis://default:x@fly-db.upstash.io:6379', undefined], ['redis://default:x@my-redis.internal:6379', undefined], ['redis://my-redis.flycast', undefined]] as const) {
    expect(chooseNetwork('p', { state: 'none' }, at(url), undefined), `with ${url}`).toBe(network);
  }
  expect(chooseNetwork('p', { state: 'found', others: ['another'] }, own, undefined)).toBeUndefined();
  expect(chooseNetwork('p', { state: 'found', others: [] }, own, undefined)).toBe('p');
  expect([chooseNetwork('p', { state: 'none' }, own, 'organization'), chooseNetwork('p', { state: 'found', others: ['another'] }, own, 'own')]).toEqual([undefined, 'p']);
  expect([describeNetwork({ state: 'none' }), describeNetwork({ state: 'found', others: [] })]).toEqual([undefined, undefined]);
});
