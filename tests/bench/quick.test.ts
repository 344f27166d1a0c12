import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { sections } from '../../bench/sections.ts';

test(
  'a quick look measures every section, with processes that start as in production',
  {
    tags: 'long',
    timeout: 600_000,
  },
  () => {
    const root = path.join(import.meta.dirname, '..', '..');
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', 'bench/main.ts', '--quick'],
      { cwd: root, encoding: 'utf8', timeout: 600_000 },
    );
    // An error ends the run with a line on stderr; a missed target, which a busy machine may cause,
    // gives the same exit code and none.
    expect(stderr).toBe('');
    expect(status).toBeLessThan(2);
    for (const { title } of sections) expect(stdout).toContain(`\n${title}\n`);
  },
);
