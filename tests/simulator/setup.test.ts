import { execFile } from 'node:child_process';
import {
  chmod,
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

/** Programs of the system that the script may use besides those that a test fakes. */
const REAL = ['sh', 'dirname', 'env', 'touch', 'chmod', 'mkdir'];
const run = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '../../simulator/setup.sh');

let project: string;
let bin: string;

/**
 * A project whose packages are installed, and a PATH with fakes that write down how they were
 * called.
 */
beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'sidepocket-setup-'));
  bin = join(project, 'bin');
  await Promise.all(
    [bin, join(project, 'simulator'), join(project, 'node_modules')].map((directory) =>
      mkdir(directory),
    ),
  );
  await copyFile(SCRIPT, join(project, 'simulator/setup.sh'));
  await writeFile(join(project, 'package-lock.json'), '{}');
  await writeFile(join(project, 'node_modules/.package-lock.json'), '{}');
  await utimes(join(project, 'package-lock.json'), 1, 1);
  await Promise.all(REAL.map((name) => symlink(`/usr/bin/${name}`, join(bin, name))));
  await fake('uname', 'echo Linux');
  await fake('id', 'echo 0');
  await fake('node', 'exit 0');
  await fake('npm', 'touch node_modules/.package-lock.json');
  await fake('npx', 'exit 1');
});

afterEach(() => rm(project, { recursive: true, force: true }));

/** Puts a program into the PATH; those that only answer questions are not written down. */
async function fake(name: string, does: string): Promise<void> {
  const file = join(bin, name);
  const record = ['uname', 'id', 'node'].includes(name)
    ? ''
    : `echo "${name} $*" >> "${project}/calls"`;
  await rm(file, { force: true });
  await writeFile(file, `#!/bin/sh\n${record}\n${does}\n`);
  await chmod(file, 0o755);
}

/** Shell that creates a program in the PATH, as an installation does. */
function provide(name: string): string {
  return `touch "${bin}/${name}"; chmod 755 "${bin}/${name}"`;
}

/** An apt-get that installs what it is asked for. */
function fakeApt(): Promise<void> {
  return fake(
    'apt-get',
    `case "$*" in *redis-server) ${provide('redis-server')} ;; *chromium) ${provide('chromium')} ;; esac`,
  );
}

type Outcome = { code: number; output: string; errors: string; calls: string[] };

/** Runs the script without a terminal. */
async function setUp(env: Record<string, string> = {}): Promise<Outcome> {
  const running = run(join(bin, 'sh'), ['simulator/setup.sh'], {
    cwd: project,
    env: { PATH: bin, HOME: project, ...env },
  });
  running.child.stdin?.end();
  const { code, stdout, stderr } = await running.then(
    (ended) => ({ code: 0, ...ended }),
    (failed: { code: number; stdout: string; stderr: string }) => failed,
  );
  const calls = await readFile(join(project, 'calls'), 'utf8').catch(() => '');
  return {
    code,
    output: stdout,
    errors: stderr,
    calls: calls.split('\n').filter((call) => call !== ''),
  };
}

test('nothing missing: silent, and nothing is called', async () => {
  await fake('redis-server', '');
  await fake('chromium', '');
  expect(await setUp()).toEqual({ code: 0, output: '', errors: '', calls: [] });
});

describe('npm packages', () => {
  beforeEach(async () => {
    await fake('redis-server', '');
    await fake('chromium', '');
  });

  test('missing or older than package-lock.json: says so and installs them once', async () => {
    await rm(join(project, 'node_modules/.package-lock.json'));
    expect(await setUp()).toMatchObject({
      code: 0,
      output: expect.stringContaining('npm ci'),
      calls: ['npm ci'],
    });
    expect(await setUp()).toMatchObject({ code: 0, output: '' });
    const later = new Date(Date.now() + 60_000);
    await utimes(join(project, 'package-lock.json'), later, later);
    expect(await setUp()).toMatchObject({ code: 0, calls: ['npm ci', 'npm ci'] });
  });

  test('a failing npm, an old Node.js or none ends with a sentence', async () => {
    await rm(join(project, 'node_modules/.package-lock.json'));
    await fake('npm', 'exit 1');
    expect(await setUp()).toMatchObject({
      code: 1,
      errors: expect.stringContaining('could not be installed'),
    });
    await fake('node', 'case "$*" in *version) echo v18.0.0 ;; esac; exit 1');
    expect(await setUp()).toMatchObject({
      code: 1,
      errors: expect.stringContaining('Node.js 20 or later'),
    });
    await rm(join(bin, 'node'));
    expect(await setUp()).toMatchObject({
      code: 1,
      errors: expect.stringContaining('Node.js is missing'),
    });
  });
});

describe('Redis', () => {
  beforeEach(() => fake('chromium', ''));

  test('as root it comes from apt-get, and is named before', async () => {
    await fakeApt();
    const outcome = await setUp();
    expect(outcome).toMatchObject({
      code: 0,
      errors: '',
      output: 'Redis is missing. It will be installed with apt-get.\n',
    });
    expect(outcome.calls).toEqual([
      'apt-get update -q',
      'apt-get install -y -q --no-install-recommends redis-server',
    ]);
    expect(await setUp()).toMatchObject({ code: 0, output: '' });
  });

  test('otherwise through sudo when it needs no password', async () => {
    await fakeApt();
    await fake('id', 'echo 1000');
    await fake('sudo', 'if [ "$1" = -n ]; then exit 0; fi; "$@"');
    const { code, calls } = await setUp();
    expect(code).toBe(0);
    expect(calls).toContain('sudo apt-get update -q');
    expect(calls).toContain(
      'sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends redis-server',
    );
  });

  test('a password without a terminal, no sudo and no apt-get end with a sentence and install nothing', async () => {
    await fakeApt();
    await fake('id', 'echo 1000');
    expect(await setUp()).toMatchObject({
      code: 1,
      output: '',
      errors: expect.stringContaining('sudo apt-get install redis-server'),
      calls: [],
    });
    await fake('sudo', 'exit 1');
    expect(await setUp()).toMatchObject({
      code: 1,
      errors: expect.stringContaining('needs root'),
      calls: ['sudo -n true'],
    });
    await rm(join(bin, 'apt-get'));
    expect(await setUp()).toMatchObject({
      code: 1,
      errors: expect.stringContaining('package manager of this system'),
    });
  });

  test('on macOS it comes from Homebrew', async () => {
    await fake('uname', 'echo Darwin');
    expect(await setUp()).toMatchObject({
      code: 1,
      errors: expect.stringContaining('https://brew.sh'),
    });
    await fake('brew', provide('redis-server'));
    expect(await setUp()).toMatchObject({ code: 0, calls: ['brew install redis'] });
  });

  test('an installation that fails is told', async () => {
    await fake('apt-get', 'exit 100');
    expect(await setUp()).toMatchObject({
      code: 1,
      errors: expect.stringContaining('Redis could not be installed'),
    });
  });
});

describe('Chromium', () => {
  beforeEach(() => fake('redis-server', ''));

  test('comes from apt-get when it has it', async () => {
    await fakeApt();
    await fake('apt-cache', 'echo "  Candidate: 156.0"');
    expect(await setUp()).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^Chromium is missing\. It will be installed/),
      calls: [
        'apt-get update -q',
        'apt-cache policy chromium',
        'apt-get install -y -q --no-install-recommends chromium',
      ],
    });
  });

  test('is Playwright’s own otherwise, found again by its revision', async () => {
    await fakeApt();
    await fake('apt-cache', 'echo "  Candidate: (none)"');
    await fake('node', 'echo 77');
    const downloaded = `${project}/.cache/ms-playwright/chromium-77`;
    await fake('npx', `mkdir -p "${downloaded}"; touch "${downloaded}/INSTALLATION_COMPLETE"`);
    expect(await setUp()).toMatchObject({
      code: 0,
      calls: expect.arrayContaining(['npx playwright install --with-deps chromium']),
    });
    expect(await setUp()).toMatchObject({ code: 0, output: '', errors: '' });
    await fake('node', 'echo 78');
    expect(await setUp({ PLAYWRIGHT_BROWSERS_PATH: '/nowhere' })).toMatchObject({
      code: 1,
      output: expect.stringContaining('Chromium is missing'),
    });
  });

  test('CHROMIUM_PATH is enough when it is a program', async () => {
    expect(await setUp({ CHROMIUM_PATH: '/bin/sh' })).toEqual({
      code: 0,
      output: '',
      errors: '',
      calls: [],
    });
    expect(await setUp({ CHROMIUM_PATH: '/no/such' })).toMatchObject({
      code: 1,
      errors: expect.stringContaining('CHROMIUM_PATH is /no/such'),
    });
  });

  test('without root or sudo nothing is tried, and a sentence says what to do, beside the one for Redis', async () => {
    await fakeApt();
    await fake('id', 'echo 1000');
    expect(await setUp()).toMatchObject({
      code: 1,
      output: '',
      errors: expect.stringMatching(/^Chromium is missing, and installing it needs root[^\n]*\n$/),
      calls: [],
    });
    await rm(join(bin, 'redis-server'));
    expect(await setUp()).toMatchObject({
      code: 1,
      output: '',
      errors: expect.stringMatching(/^Redis is missing[^\n]*\nChromium is missing[^\n]*\n$/),
      calls: [],
    });
  });

  test('failing to get one ends with a sentence', async () => {
    expect(await setUp()).toMatchObject({
      code: 1,
      errors: expect.stringContaining('set CHROMIUM_PATH'),
      calls: ['npx playwright install --with-deps chromium'],
    });
  });
});

test('Redis and Chromium are both named before either is installed, and the lists are fetched once', async () => {
  await fakeApt();
  await fake('apt-cache', 'echo "  Candidate: 156.0"');
  const { code, output, calls } = await setUp();
  expect(code).toBe(0);
  expect(output).toMatch(/^Redis is missing[^\n]*\nChromium is missing[^\n]*\n$/);
  expect(calls.filter((call) => call.includes('update'))).toHaveLength(1);
});
