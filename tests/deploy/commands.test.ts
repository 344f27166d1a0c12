import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { parseDoctorOptions } from '../../deploy/doctor/options.ts';
import { parseDeployOptions } from '../../deploy/options.ts';
import { WrongUsage } from '../../shared/runtime/command-line.ts';
import { parseTeardownOptions } from '../../deploy/teardown/options.ts';
import { prefix } from '../support/deploy-bench.ts';
import { root, runEntry, withFly } from '../support/fly-bench.ts';

/**
 * A directory that is thrown away; the commands run there, since the project's may have an owner's
 * .env.
 */
async function withDirectory(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-commands-'));
  try {
    await use(dir);
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

const entries = [
  ['deploy/main.ts', parseDeployOptions],
  ['deploy/teardown/main.ts', parseTeardownOptions],
  ['deploy/doctor/main.ts', parseDoctorOptions],
] as const;

test.each(entries)(
  '%s explains itself, and refuses what it does not know with 2',
  async (entry, parse) => {
    await withDirectory(async (dir) => {
      const explained = expect.stringMatching(
        /npm run (deploy|teardown|doctor) -- [^]*Exit codes: 0/,
      );
      expect(await runEntry(entry, ['--help'], dir, {})).toMatchObject({
        code: 0,
        output: explained,
      });
      expect(await runEntry(entry, ['--nonsense'], dir, {})).toMatchObject({
        code: 2,
        output: expect.stringContaining('--help'),
      });
      // What is refused so ends with 2.
      const onFly = entry.includes('doctor') ? ['--fly'] : [];
      expect(() => parse(['extra'])).toThrow(WrongUsage);
      expect(() => parse(['--url', 'not-an-address', ...onFly])).toThrow(WrongUsage);
    });
  },
);

test(
  'a dry run needs neither fly nor an account, shows the whole plan, and asks for nothing',
  { tags: 'long' },
  async () => {
    await withDirectory(async (dir) => {
      const { code, output } = await runEntry(
        'deploy/main.ts',
        ['--dry-run', '--prefix', prefix],
        dir,
        {},
      );
      expect(code).toBe(0);
      expect(output).toContain('not installed');
      for (const part of ['redis', 'relay', 'vm']) {
        expect(output).toContain(`fly apps create ${prefix}-${part} --org personal`);
        expect(output).toContain(
          `fly deploy --config fly.${part}.toml --app ${prefix}-${part} --ha=false`,
        );
      }
      expect(output).toContain(
        `https://${prefix}-relay.fly.dev/webhook#ct=2000&rt=4000&rc=3&rp=5xx,ct,rt`,
      );
      expect(output).toContain(
        'It would ask for TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_WHATSAPP_NUMBER, ALLOWED_SENDERS, ANTHROPIC_API_KEY',
      );
      const { code: refused, output: said } = await runEntry('deploy/main.ts', [], dir, {});
      expect([refused, said]).toEqual([
        1,
        expect.stringContaining('https://fly.io/docs/flyctl/install/'),
      ]);
    });
  },
);

test(
  'deployed, looked at and taken down by the real commands, with the values from a file .env',
  { tags: 'long' },
  async () => {
    await withFly({}, async (bench) => {
      bench.fly.flycast[`http://${prefix}-vm.flycast`] = bench.outside.url;
      await writeFile(
        path.join(bench.environment['HOME'] ?? '', '.env'),
        Object.entries(bench.owner)
          .map(([name, value]) => `${name}=${value}\n`)
          .join(''),
      );
      const url = ['--url', bench.outside.url];
      const deployed = await bench.run('deploy/main.ts', ['--prefix', prefix, ...url]);
      expect(deployed).toMatchObject({
        code: 0,
        output: expect.stringContaining('Sidepocket is up.'),
      });
      expect(deployed.output).toContain('Machine is now in a good state');
      expect(await bench.run('deploy/doctor/main.ts', ['--fly', ...url])).toMatchObject({
        code: 0,
        output: expect.stringContaining('Nothing is wrong.'),
      });
      expect(await bench.run('deploy/teardown/main.ts', ['--yes', ...url])).toMatchObject({
        code: 0,
        output: expect.stringContaining('It is gone.'),
      });
      expect(bench.fly.apps).toEqual({});
    });
  },
);

/** util-linux's script gives a command a terminal. */
const hasTerminal = await promisify(execFile)('script', ['--version']).then(
  ({ stdout }) => stdout.includes('util-linux'),
  () => false,
);

/**
 * Runs a command at a terminal and answers its questions like a person, each when it has appeared.
 * @returns what was on the screen.
 */
async function runAtTerminal(
  command: string,
  directory: string,
  environment: Record<string, string>,
  answers: readonly (readonly [question: string, keys: string])[],
): Promise<{ code: number | null; screen: string }> {
  // A terminal without a width would be written to one sign a line.
  const child = spawn('script', ['-qec', `stty cols 200 rows 50; exec ${command}`, '/dev/null'], {
    cwd: directory,
    env: { TERM: 'xterm', SHELL: '/bin/sh', ...environment },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let [screen, next] = ['', 0];
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString();
    const [question, keys] = answers[next] ?? [];
    if (question === undefined || !screen.includes(question)) return;
    next += 1;
    child.stdin.write(keys ?? '');
  });
  const impatience = setTimeout(() => child.kill(), 45_000);
  const code = await new Promise<number | null>((resolve) => void child.once('close', resolve));
  clearTimeout(impatience);
  return { code, screen };
}

test.skipIf(!hasTerminal)(
  'at a real terminal a secret that is typed is not shown, and Ctrl-C ends it with 130',
  async () => {
    await withFly({}, async (bench) => {
      const owner = Object.fromEntries(
        Object.entries(bench.owner).filter(
          ([name]) => !['ANTHROPIC_API_KEY', 'GITHUB_TOKEN'].includes(name),
        ),
      );
      const command = `${process.execPath} ${path.join(root, 'deploy/main.ts')} --prefix ${prefix} --url ${bench.outside.url}`;
      const answers = [
        ['best near you', '\r'],
        ['What does Claude run on', '\r'],
        ['An API key of Anthropic', 'secret-model-key\r'],
        ['A GitHub token', '\u0003'],
      ] as const;
      const { code, screen } = await runAtTerminal(
        command,
        bench.environment['HOME'] ?? '',
        { ...bench.environment, ...owner },
        answers,
      );
      expect(screen).toContain('A GitHub token');
      expect(screen).toContain('Nothing more is done');
      expect(screen).not.toContain('secret-model-key');
      expect(code).toBe(130);
      expect(bench.fly.apps).toEqual({});
    });
  },
);

test.skipIf(!hasTerminal)(
  'at a real terminal everything is asked for and deployed',
  { tags: 'long' },
  async () => {
    await withFly({}, async (bench) => {
      bench.fly.flycast[`http://${prefix}-vm.flycast`] = bench.outside.url;
      const {
        TWILIO_ACCOUNT_SID = '',
        TWILIO_AUTH_TOKEN = '',
        TWILIO_WHATSAPP_NUMBER = '',
        TWILIO_API_URL = '',
        ANTHROPIC_BASE_URL = '',
      } = bench.owner;
      const answers = [
        ['What shall the apps', `${prefix}\r`],
        ['best near you', 'fra\r'],
        ['account SID (', `${TWILIO_ACCOUNT_SID}\r`],
        ['auth token (', `${TWILIO_AUTH_TOKEN}\r`],
        ['WhatsApp number at', `${TWILIO_WHATSAPP_NUMBER}\r`],
        ['Your own phone', '+15551230001\r'],
        ['What does Claude run on', '\r'],
        ['An API key of Anthropic', 'secret-model-key\r'],
        ['A GitHub token', '\r'],
        ['Shall people’s files', '\r'],
      ] as const;
      const command = `${process.execPath} ${path.join(root, 'deploy/main.ts')} --url ${bench.outside.url}`;
      const { code, screen } = await runAtTerminal(
        command,
        bench.environment['HOME'] ?? '',
        { ...bench.environment, TWILIO_API_URL, ANTHROPIC_BASE_URL },
        answers,
      );
      expect(screen).toContain('Sidepocket is up.');
      expect(code).toBe(0);
      expect(screen).not.toContain(TWILIO_AUTH_TOKEN);
      expect(Object.keys(bench.fly.apps)).toEqual([
        `${prefix}-redis`,
        `${prefix}-relay`,
        `${prefix}-vm`,
      ]);
      expect(bench.fly.apps[`${prefix}-vm`]?.machine?.region).toBe('fra');
      expect(bench.fly.apps[`${prefix}-vm`]?.secrets['GITHUB_TOKEN']).toBeUndefined();
    });
  },
);
