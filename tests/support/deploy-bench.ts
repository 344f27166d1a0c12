import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Asking } from '../../deploy/asking.ts';
import { deploy } from '../../deploy/deploy.ts';
import { examine } from '../../deploy/doctor/doctor.ts';
import type { Finding } from '../../deploy/doctor/finding.ts';
import { parseDoctorOptions } from '../../deploy/doctor/options.ts';
import { createFly, FlyFailure, formatCommand } from '../../deploy/fly.ts';
import type { Fly } from '../../deploy/fly.ts';
import type { Role } from '../../deploy/names.ts';
import { parseDeployOptions } from '../../deploy/options.ts';
import { labelSources } from '../../deploy/source-label.ts';
import { createLog } from '../../shared/runtime/log.ts';
import type { TwinOptions } from '../../simulator/twilio/twin.ts';
import { answerFly } from './fake-fly.ts';
import type { FlyState } from './fake-fly.ts';
import { root, withFly } from './fly-bench.ts';
import type { FlyBench } from './fly-bench.ts';

export const prefix = 'sidepocket-test';

export type DeployBench = FlyBench & {
  /** Small sources of the test's own, with the real fly.*.toml files. */
  sources: string;
  /**
   * The account as the commands ask it, without a process for each call. What was to be shown is in
   * nobody's way.
   */
  account: Fly;
  /** Deploys in this process. @returns what was said; `error` is what it failed with. */
  deploy(
    args?: string[],
    change?: DeployChange,
  ): Promise<{ output: string; error: Error | undefined }>;
  /** What the doctor finds on Fly, in this process. */
  examine(...args: string[]): Promise<Finding[]>;
};

export type DeployChange = {
  environment?: Record<string, string>;
  asking?: Asking;
  /** By default what fails is not tried again, not even within the same millisecond. */
  patienceMs?: number;
  /** Asks the program fly, as a person's run does: a process for each of dozens of calls. */
  byProgram?: boolean;
  /** Leaves the relay's address to the deployment. */
  ownUrl?: boolean;
};

/** What changes something; everything else that fly is asked is a look. */
export const isChange = (argv: readonly string[]): boolean =>
  /^(apps (create|destroy)|volumes create|ips allocate|secrets import|deploy|redis (create|destroy)|storage create)\b/.test(
    argv.join(' '),
  );

export async function withDeploy(
  options: Partial<TwinOptions>,
  test: (bench: DeployBench) => Promise<void>,
): Promise<void> {
  await withFly(options, async (bench) => {
    const sources = await mkdtemp(path.join(tmpdir(), 'sidepocket-sources-'));
    try {
      for (const name of ['fly.relay.toml', 'fly.vm.toml', 'fly.redis.toml'])
        await copyFile(path.join(root, name), path.join(sources, name));
      for (const name of ['relay', 'worker', 'shared']) {
        await mkdir(path.join(sources, name));
        await writeFile(path.join(sources, name, 'code.ts'), `// ${name}\n`);
      }
      await writeFile(path.join(sources, 'Dockerfile'), 'FROM scratch\n');
      bench.fly.flycast[`http://${prefix}-vm.flycast`] = bench.outside.url;
      const account = askHere(bench.fly, sources, () => undefined);
      await test({
        ...bench,
        sources,
        account,
        deploy: async (args = [], change = {}) => await deployHere(bench, sources, args, change),
        async examine(...args) {
          const options = parseDoctorOptions(['--fly', '--url', bench.outside.url, ...args]);
          if (options === 'help') throw new Error('the test asks for help');
          const label = async (role: Role): Promise<string> => await labelSources(sources, role);
          return await examine(options, {
            environment: bench.owner,
            fly: account,
            log: createLog('test', 'silent'),
            labels: async () => ({
              redis: await label('redis'),
              relay: await label('relay'),
              vm: await label('vm'),
            }),
          });
        },
      });
    } finally {
      await rm(sources, { recursive: true, force: true, maxRetries: 3 });
    }
  });
}

/** What createFly makes of the account's answers, without the program between. */
function askHere(state: FlyState, directory: string, write: (text: string) => void): Fly {
  return {
    async run(args, { input = '', show = false } = {}) {
      const { code, stdout, stderr } = await answerFly(state, args, input, [], directory);
      if (show) write(stdout + stderr);
      if (code !== 0)
        throw new FlyFailure(`${formatCommand(args)} failed: ${(stderr || stdout).trim()}`);
      return stdout;
    },
  };
}

type Deployed = ReturnType<DeployBench['deploy']>;

async function deployHere(
  bench: FlyBench,
  sources: string,
  args: string[],
  change: DeployChange,
): Deployed {
  const {
    environment = bench.owner,
    asking,
    patienceMs = -1,
    byProgram = false,
    ownUrl = false,
  } = change;
  let output = '';
  const options = parseDeployOptions([
    '--prefix',
    prefix,
    ...(ownUrl ? [] : ['--url', bench.outside.url]),
    ...args,
  ]);
  if (options === 'help') throw new Error('the test asks for help');
  const say = (text: string): void => void (output += text);
  try {
    await deploy(options, {
      fly: byProgram
        ? createFly(bench.environment, sources, say)
        : askHere(bench.fly, sources, say),
      environment,
      asking,
      root: sources,
      say: (line) => say(`${line}\n`),
      patience: { patienceMs, everyMs: 20 },
      log: createLog('test', 'silent'),
    });
    return { output, error: undefined };
  } catch (error) {
    return { output, error: error instanceof Error ? error : new Error(String(error)) };
  }
}

/**
 * What exists, without the secrets' values that are made at random and without when anything was
 * done.
 */
export function shapeOf(state: FlyState): object {
  const apps = Object.entries(state.apps).map(([name, app]) => [
    name,
    {
      volumes: app.volumes.map(({ name, region, size_gb }) => ({ name, region, size_gb })),
      addresses: app.addresses.map(({ type }) => type).toSorted(),
      secrets: Object.keys(app.secrets).toSorted(),
      staged: Object.entries(app.secrets)
        .filter(([, { at }]) => at > (app.machine?.at ?? 0))
        .map(([secret]) => secret),
      machine: app.machine && { tag: app.machine.tag, state: app.machine.state },
    },
  ]);
  return Object.fromEntries(apps);
}

/** Secrets that two apps must agree on, as each app has them. */
export function agreements(state: FlyState): {
  redis: (string | undefined)[];
  wake: (string | undefined)[];
} {
  const value = (role: string, name: string): string | undefined =>
    state.apps[`${prefix}-${role}`]?.secrets[name]?.value;
  return {
    redis: [
      `redis://default:${value('redis', 'REDIS_PASSWORD')}@${prefix}-redis.internal:6379`,
      value('relay', 'REDIS_URL'),
      value('vm', 'REDIS_URL'),
    ],
    wake: [value('relay', 'WAKE_SECRET'), value('vm', 'WAKE_SECRET')],
  };
}
