import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { largestFile } from '../../worker/checkpoints/listing.ts';
import { doomed, git, runHere, takeBack, withCheckpoints } from '../support/checkpoint-bench.ts';
import type { Fate } from '../support/checkpoint-bench.ts';
import { editAtRandom } from '../support/random-edits.ts';
import { createRandom } from '../support/random.ts';
import type { RunScript } from '../../worker/checkpoints/shadow.ts';
import { readTree } from '../support/tree.ts';

/** Edits, takes back and brings back; each time the tree must be the same, byte for byte. */
async function expectSameTrees(seed: number, rounds: number): Promise<void> {
  await withCheckpoints(async ({ workspace, shadow }) => {
    const random = createRandom(seed);
    const checkpoints = shadow();
    for (let round = 0; round < rounds; round += 1) {
      const first = await checkpoints.keep();
      const before = readTree(workspace);
      editAtRandom(workspace, random, 1 + random.below(25));
      const edited = readTree(workspace);
      const second = await checkpoints.keep();
      await takeBack(checkpoints, first.number);
      expect(readTree(workspace), `seed ${seed}, round ${round}: taken back`).toEqual(before);
      await takeBack(checkpoints, second.number);
      expect(readTree(workspace), `seed ${seed}, round ${round}: brought back`).toEqual(edited);
    }
  });
}

test('random edits are taken back and brought back byte for byte, with modes, links and the repositories’ own data', async () => {
  await expectSameTrees(1, 4);
});

test('the same, many times', { tags: 'long' }, async () => {
  for (let seed = 2; seed < 12; seed += 1) await expectSameTrees(seed, 6);
});

const change = (workspace: string): void => {
  writeFileSync(path.join(workspace, 'notes.md'), 'changed\n');
  writeFileSync(path.join(workspace, 'app/.env'), 'KEY=2\n');
  rmSync(path.join(workspace, 'app/vendor/inner/inner.c'));
  mkdirSync(path.join(workspace, 'app/vendor/inner/inner.c'));
  symlinkSync('notes.md', path.join(workspace, 'link'));
};

/** Kills a checkpoint and a way back at one place; returns whether the script was reached. */
async function expectOldOrNew(part: 'keep' | 'back', at: number, fate: Fate): Promise<boolean> {
  let isReached = false;
  await withCheckpoints(
    async ({ workspace, shadow }) => {
      const { number: first } = await shadow().keep();
      const before = readTree(workspace);
      change(workspace);
      const edited = readTree(workspace);
      const { run, count } = doomed(at, fate);
      if (part === 'back') await shadow().keep();
      const dying = shadow(run);
      const ended = part === 'keep' ? dying.keep() : takeBack(dying, first);
      await ended.catch(() => undefined);
      isReached = count() > at;
      // The next worker.
      const next = shadow();
      await next.keep();
      const words = `${part} ${at} ${JSON.stringify(fate)}`;
      expect([before, edited], `${words}`).toContainEqual(readTree(workspace));
      await takeBack(next, first);
      expect(readTree(workspace), `${words}: taken back afterwards`).toEqual(before);
    },
    { isPlain: true },
  );
  return isReached;
}

test('a worker that dies between any two steps of a checkpoint or a way back leaves the old or the new tree', async () => {
  for (const part of ['keep', 'back'] as const)
    for (let at = 0; await expectOldOrNew(part, at, 'after'); at += 1);
});

test('the same when it dies within a step, wherever', { tags: 'long' }, async () => {
  const random = createRandom(7);
  for (const part of ['keep', 'back'] as const)
    for (let at = 0; await expectOldOrNew(part, at, 'before'); at += 1)
      for (let round = 0; round < 6; round += 1)
        await expectOldOrNew(part, at, { killedAfterMs: random.below(60) });
});

test('nothing of the person’s repositories, attributes or settings runs or converts anything, and nothing of theirs is written', async () => {
  await withCheckpoints(async ({ workspace, directory, shadow }) => {
    const app = path.join(workspace, 'app');
    const trap = path.join(workspace, 'trap');
    const attributes = '* text eol=crlf ident filter=trap diff=trap\n';
    writeFileSync(path.join(app, '.gitattributes'), attributes);
    writeFileSync(path.join(app, 'src/main.ts'), 'line\r\nother\n$Id$\n');
    for (const [name, value] of [
      ['filter.trap.clean', `touch ${trap}; cat`],
      ['filter.trap.smudge', `touch ${trap}; cat`],
      ['diff.trap.textconv', `touch ${trap}; cat`],
      ['diff.external', `touch ${trap}`],
      ['core.fsmonitor', `touch ${trap}`],
    ] as const)
      git(app, 'config', name, value);
    for (const hook of [
      'post-checkout',
      'post-index-change',
      'reference-transaction',
      'fsmonitor-watchman',
    ]) {
      writeFileSync(path.join(app, '.git/hooks', hook), `#!/bin/sh\ntouch ${trap}\n`);
      chmodSync(path.join(app, '.git/hooks', hook), 0o755);
    }
    const own = readTree(path.join(app, '.git'));
    // The person's own settings, where a program would look for them.
    const home = path.dirname(workspace);
    writeFileSync(
      path.join(home, '.gitconfig'),
      `[core]\nfsmonitor = touch ${trap}\nhooksPath = ${app}/.git/hooks\nautocrlf = true\n[diff]\nexternal = touch ${trap}\n[filter "trap"]\nclean = touch ${trap}; cat\nsmudge = touch ${trap}; cat\n`,
    );
    const asThePerson: RunScript = (script, words, input) =>
      runHere(`export HOME='${home}' XDG_CONFIG_HOME='${home}'\n${script}`, words, input);
    const checkpoints = shadow(asThePerson);
    const { number: first } = await checkpoints.keep();
    // Also what a command of the person's puts into the shadow repository itself.
    const kept = path.join(directory, 'git');
    mkdirSync(path.join(kept, 'hooks'), { recursive: true });
    for (const hook of ['reference-transaction', 'post-index-change']) {
      writeFileSync(path.join(kept, 'hooks', hook), `#!/bin/sh\ntouch ${trap}\n`);
      chmodSync(path.join(kept, 'hooks', hook), 0o755);
    }
    appendFileSync(
      path.join(kept, 'config'),
      `[core]\nfsmonitor = touch ${trap}\n[filter "trap"]\nclean = touch ${trap}; cat\nsmudge = touch ${trap}; cat\n`,
    );
    writeFileSync(path.join(kept, 'info/attributes'), '* filter=trap\n');
    const before = readTree(workspace);
    appendFileSync(path.join(app, 'src/main.ts'), 'more\n');
    const { number } = await checkpoints.keep();
    const [change = ''] = (await checkpoints.differ(first, number)).toString().split('\0');
    const [, , one = '', other = ''] = change.split(' ');
    expect((await checkpoints.patches([[one, other]], 4000)).join('')).toContain('+more');
    await checkpoints.ignored('app', ['src/main.ts', '.env']);
    await takeBack(checkpoints, first);
    expect(readTree(workspace)).toEqual(before);
    expect(readTree(path.join(app, '.git'))).toEqual(own);
    expect(existsSync(trap)).toBe(false);
  });
});

test('what git ignores counts as ignored beside any name, without its repository, and where git cannot say it', async () => {
  await withCheckpoints(async ({ workspace, shadow }) => {
    const app = path.join(workspace, 'app');
    const checkpoints = shadow();
    await checkpoints.keep();
    mkdirSync(path.join(app, 'moved'));
    symlinkSync('moved', path.join(app, 'link'));
    const names = [':(glob)x', ':x', '"a\nb', 'link/a', 'link/b', '.env', 'src/main.ts', 'dist/x'];
    const ignored = ['link/a', 'link/b', '.env', 'dist/x'];
    expect([...(await checkpoints.ignored('app', names))]).toEqual(ignored);
    rmSync(path.join(app, '.git'), { recursive: true });
    expect([...(await checkpoints.ignored('app', names))]).toEqual(ignored);
    rmSync(app, { recursive: true });
    expect([...(await checkpoints.ignored('app', ['.env', 'a']))]).toEqual(['.env', 'a']);
  });
});

test('a change within the same tick and of the same size is seen, and a workspace as it was gets no checkpoint', async () => {
  await withCheckpoints(async ({ workspace, shadow }) => {
    const checkpoints = shadow();
    const file = path.join(workspace, 'notes.md');
    writeFileSync(file, 'one');
    const { number } = await checkpoints.keep();
    const { mtime, atime } = statSync(file);
    writeFileSync(file, 'two');
    utimesSync(file, atime, mtime);
    const changed = await checkpoints.keep();
    expect(changed.number).toBe(number + 1);
    expect((await checkpoints.keep()).number).toBe(changed.number);
  });
});

test('a turn begins where it began, also for the run that goes on with it', async () => {
  await withCheckpoints(async ({ workspace, shadow }) => {
    const { number } = await shadow().keep('turn-1');
    change(workspace);
    expect(await shadow().keep('turn-1')).toMatchObject({ number: number + 1, base: number });
    expect(await shadow().keep('turn-2')).toMatchObject({ number: number + 1, base: number + 1 });
  });
});

test('what is too large is left out and stays as it is, and so do a repository that came later and what tools fill', async () => {
  await withCheckpoints(async ({ workspace, shadow }) => {
    const checkpoints = shadow();
    const { number: first } = await checkpoints.keep();
    writeFileSync(path.join(workspace, 'video.bin'), Buffer.alloc(largestFile + 1));
    mkdirSync(path.join(workspace, 'clone/node_modules/x'), { recursive: true });
    git(path.join(workspace, 'clone'), 'init', '-q');
    writeFileSync(path.join(workspace, 'clone/node_modules/x/index.js'), '1');
    writeFileSync(path.join(workspace, 'clone/read.me'), 'hello');
    const { number } = await checkpoints.keep();
    const [held] = await checkpoints.read([number]);
    expect(held?.blobs.has('clone/read.me')).toBe(true);
    expect(held?.blobs.has('video.bin')).toBe(false);
    await takeBack(checkpoints, first);
    for (const file of ['video.bin', 'clone/.git/HEAD', 'clone/node_modules/x/index.js'])
      expect(existsSync(path.join(workspace, file)), `${file}`).toBe(true);
    expect(existsSync(path.join(workspace, 'clone/read.me'))).toBe(false);
  });
});

test('a path that is too long, and what cannot be read, keep nothing else from going back', async () => {
  await withCheckpoints(
    async ({ workspace, directory, shadow }) => {
      const base = path.dirname(workspace);
      const name = 'd'.repeat(200);
      const deepen = `cd "$1"; for i in $(seq 30); do mkdir ${name} && cd ${name} || exit; done; echo x > file`;
      mkdirSync(path.join(workspace, 'closed'));
      writeFileSync(path.join(workspace, 'closed/own'), 'the person’s');
      chmodSync(path.join(workspace, 'closed'), 0);
      // Root reads everything.
      const isRoot = process.getuid?.() === 0;
      const asAnother =
        'script=$1; shift; exec setpriv --reuid 65534 --regid 65534 --clear-groups sh -c "$script" sh "$@"';
      const run: RunScript = (script, words, input) =>
        isRoot ? runHere(asAnother, [script, ...words], input) : runHere(script, words, input);
      mkdirSync(directory, { recursive: true });
      chmodSync(base, 0o711);
      if (isRoot) execFileSync('chown', ['-R', '65534:65534', workspace, path.dirname(directory)]);
      const checkpoints = shadow(run);
      const { number: first } = await checkpoints.keep();
      const before = readTree(workspace);
      execFileSync('bash', ['-c', deepen, 'deepen', workspace]);
      if (isRoot) execFileSync('chown', ['-R', '65534:65534', workspace]);
      chmodSync(path.join(workspace, 'closed'), 0o755);
      chmodSync(path.join(workspace, 'notes.md'), 0);
      await takeBack(checkpoints, first);
      execFileSync('rm', ['-rf', path.join(workspace, name)]);
      expect(readTree(workspace)).toEqual(before);
      await expect(checkpoints.keep()).resolves.toMatchObject({ number: expect.any(Number) });
    },
    { isPlain: true },
  );
});

test('a directory’s own mode goes back whole, with the bits that chmod keeps', async () => {
  await withCheckpoints(
    async ({ workspace, shadow }) => {
      const checkpoints = shadow();
      const directory = path.join(workspace, 'shared');
      mkdirSync(directory);
      chmodSync(directory, 0o755);
      const { number: first } = await checkpoints.keep();
      chmodSync(directory, 0o3775);
      const edited = readTree(workspace);
      const { number: second } = await checkpoints.keep();
      await takeBack(checkpoints, first);
      expect(readTree(workspace)['shared']).toBe('directory 755');
      await takeBack(checkpoints, second);
      expect(readTree(workspace)).toEqual(edited);
    },
    { isPlain: true },
  );
});

test('forgotten checkpoints take no room, and the others can still be gone back to', async () => {
  await withCheckpoints(async ({ workspace, directory, shadow }) => {
    const checkpoints = shadow();
    for (const word of ['one', 'two', 'three']) {
      writeFileSync(path.join(workspace, 'notes.md'), word);
      await checkpoints.keep();
    }
    const before = (await checkpoints.history()).length;
    await checkpoints.forget(2);
    expect((await checkpoints.history()).map(({ number }) => number)).toEqual(
      [2, 3].slice(-before),
    );
    const script = `git --git-dir="$1" cat-file -e "$(printf one | git hash-object --stdin)"`;
    expect((await runHere(script, [path.join(directory, 'git')])).code).not.toBe(0);
    await takeBack(checkpoints, 2);
    expect(readFileSync(path.join(workspace, 'notes.md'), 'utf8')).toBe('two');
  });
});

test('a repository that has lost a part begins anew, and keeps everything', async () => {
  await withCheckpoints(
    async ({ workspace, directory, shadow }) => {
      for (const part of ['git/index', 'git']) {
        await shadow().keep();
        rmSync(path.join(directory, part), { recursive: true });
        change(workspace);
        const { number } = await shadow().keep();
        const [held] = await shadow().read([number]);
        expect(held?.blobs.has('app/src/main.ts'), `${part}`).toBe(true);
        rmSync(path.join(workspace, 'link'));
        rmSync(path.join(workspace, 'app/vendor/inner/inner.c'), { recursive: true });
        writeFileSync(path.join(workspace, 'app/vendor/inner/inner.c'), '');
      }
    },
    { isPlain: true },
  );
});

test('a workspace with too many files has no checkpoints, and says so', async () => {
  await withCheckpoints(async ({ shadow }) => {
    const full = shadow(async () => ({ code: 67, output: Buffer.alloc(0), said: '' }));
    await expect(full.keep()).rejects.toMatchObject({ name: 'ShadowError', isTooLarge: true });
    const broken = shadow(async () => ({
      code: 127,
      output: Buffer.alloc(0),
      said: 'git: not found',
    }));
    await expect(broken.keep()).rejects.toMatchObject({ isTooLarge: false });
  });
});
