import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Asking } from '../../deploy/asking.ts';
import { deploy } from '../../deploy/deploy.ts';
import { createFly } from '../../deploy/fly.ts';
import { parseDeployOptions } from '../../deploy/options.ts';
import { createLog } from '../../shared/log.ts';
import type { TwinOptions } from '../../simulator/twilio/twin.ts';
import type { FlyState } from './fake-fly.ts';
import { root, withFly } from './fly-bench.ts';
import type { FlyBench } from './fly-bench.ts';

export const prefix = 'sidepocket-test';

export type DeployBench = FlyBench & {
  /** Small sources of the test's own, with the real fly.*.toml files. */
  sources: string;
  /** Deploys in this process by the program fly. @returns what was said; `error` is what it failed with. */
  deploy(args?: string[], change?: DeployChange): Promise<{ output: string; error: Error | undefined }>;
};

export type DeployChange = { environment?: Record<string, string>; asking?: Asking; patienceMs?: number };

/** What changes something; everything else that fly is asked is a look. */
export const isChange = (argv: readonly string[]): boolean => /^(apps (create|destroy)|volumes create|ips allocate|secrets import|deploy|redis (create|destroy))\b/.test(argv.join(' '));

export async function withDeploy(options: Partial<TwinOptions>, test: (bench: DeployBench) => Promise<void>): Promise<void> {
  await withFly(options, async (bench) => {
    const sources = await mkdtemp(path.join(tmpdir(), 'sidepocket-sources-'));
    try {
      for (const name of ['fly.relay.toml', 'fly.vm.toml', 'fly.redis.toml']) await copyFile(path.join(root, name), path.join(sources, name));
      for (const name of ['relay', 'worker', 'shared']) {
        await mkdir(path.join(sources, name));
        await writeFile(path.join(sources, name, 'code.ts'), `// ${name}\n`);
      }
      await writeFile(path.join(sources, 'Dockerfile'), 'FROM scratch\n');
      bench.fly.flycast[`http://${prefix}-vm.flycast`] = bench.outside.url;
      await test({ ...bench, sources, deploy: async (args = [], change = {}) => await deployHere(bench, sources, args, change) });
    } finally {
      await rm(sources, { recursive: true, force: true, maxRetries: 3 });
    }
  });
}

async function deployHere(bench: FlyBench, sources: string, args: string[], { environment = bench.owner, asking, patienceMs = 0 }: DeployChange): ReturnType<DeployBench['deploy']> {
  let output = '';
  const options = parseDeployOptions(['--prefix', prefix, '--url', bench.outside.url, ...args]);
  if (options === 'help') throw new Error('the test asks for help');
  const say = (text: string): void => void (output += text);
  try {
    await deploy(options, {
      fly: createFly(bench.environment, sources, say), environment, asking, root: sources, say: (line) => say(`${line}\n`),
      patience: { patienceMs, everyMs: 20 }, log: createLog('test', 'silent'),
    });
    return { output, error: undefined };
  } catch (error) {
    return { output, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/** What exists, without the secrets' values that are made at random and without when anything was done. */
export function shapeOf(state: FlyState): object {
  const apps = Object.entries(state.apps).map(([name, app]) => [name, {
    volumes: app.volumes.map(({ name, region, size_gb }) => ({ name, region, size_gb })),
    addresses: app.addresses.map(({ type }) => type).toSorted(),
    secrets: Object.keys(app.secrets).toSorted(),
    staged: Object.entries(app.secrets).filter(([, { at }]) => at > (app.machine?.at ?? 0)).map(([secret]) => secret),
    machine: app.machine && { tag: app.machine.tag, state: app.machine.state },
  }]);
  return Object.fromEntries(apps);
}

/** Secrets that two apps must agree on, as each app has them. */
export function agreements(state: FlyState): { redis: (string | undefined)[]; wake: (string | undefined)[] } {
  const value = (role: string, name: string): string | undefined => state.apps[`${prefix}-${role}`]?.secrets[name]?.value;
  return {
    redis: [`redis://default:${value('redis', 'REDIS_PASSWORD')}@${prefix}-redis.internal:6379`, value('relay', 'REDIS_URL'), value('vm', 'REDIS_URL')],
    wake: [value('relay', 'WAKE_SECRET'), value('vm', 'WAKE_SECRET')],
  };
}
