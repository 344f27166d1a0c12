import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');
const fileOf = (name: string): string => `./shared/runtime/${name}.ts`;

test('what was compiled is kept for the next start, also by a process that is killed', async () => {
  const directory = await mkdtemp(path.join(tmpdir(), 'sidepocket-test-'));
  const code = `
    const { keepCompiledCode, saveCompiledCode } = await import('${fileOf('compile-cache')}');
    keepCompiledCode();
    await import('${fileOf('lifecycle')}');
    saveCompiledCode();
    console.log('saved');
    setInterval(() => undefined, 1000);`;
  // Killed from outside: Node does its last work before it kills itself.
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: root,
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await ended;
    const kept = readdirSync(directory, { recursive: true, withFileTypes: true });
    expect(kept.filter((entry) => entry.isFile())).not.toEqual([]);
  } finally {
    child.kill('SIGKILL');
    await rm(directory, { recursive: true, force: true });
  }
});
