import { execFileSync } from 'node:child_process';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAgentFiles } from '../../worker/agent/sandbox/files.ts';
import type { AgentFiles } from '../../worker/agent/sandbox/files.ts';
import { runAsAgent } from '../../worker/agent/sandbox/shell.ts';
import { createSessionFile } from '../../worker/agent/claude/transcript/transcript-file.ts';
import { createSessionStore } from '../../worker/agent/claude/transcript/transcript-store.ts';
import { findPrompt, readTranscript } from '../../worker/agent/claude/transcript/transcript.ts';
import { createTranscriber } from '../../worker/media/transcriber.ts';
import { agentUser, whyNotSeparate } from '../support/separate-worker.ts';

const reason = whyNotSeparate();
const session = 'd7664426-c230-4469-b91a-5e38a0bf8ae3';

/** A directory of the agent's, in one that it may only pass through. */
async function withDirectory(use: (dir: string) => Promise<void>): Promise<void> {
  const outer = await mkdtemp(path.join(tmpdir(), 'sidepocket-files-'));
  const dir = path.join(outer, 'agent’s own');
  try {
    await chmod(outer, 0o711);
    await mkdir(dir, { mode: 0o700 });
    if (reason === undefined) await chown(dir, agentUser().uid, agentUser().gid);
    await use(dir);
  } finally {
    await rm(outer, { recursive: true, force: true });
  }
}

/** What holds for the agent's files, whoever the agent is. */
async function expectContract(files: AgentFiles, dir: string): Promise<void> {
  const file = path.join(dir, 'deep', 'er', '-n $(x) "quoted".bin');
  const bytes = Buffer.from([0, 255, 10, 13, 0, 10]);
  await files.write(file, bytes);
  expect(await files.read(file, 6)).toEqual(bytes);
  await expect(files.read(file, 5)).rejects.toMatchObject({
    name: 'FileProblem',
    kind: 'large',
    file,
  });
  await files.write(file, Buffer.from('shorter'), 0o600);
  expect((await files.read(file, 100)).toString()).toBe('shorter');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  await files.write(file, Buffer.alloc(0));
  expect(await files.read(file, 0)).toHaveLength(0);

  await expect(files.read(path.join(dir, 'nothing'), 9)).rejects.toMatchObject({ kind: 'missing' });
  await expect(files.read(dir, 9)).rejects.toMatchObject({ kind: 'missing' });
  execFileSync('mkfifo', [path.join(dir, 'pipe')]);
  await expect(files.read(path.join(dir, 'pipe'), 9)).rejects.toMatchObject({ kind: 'missing' });
  await expect(files.read('/dev/zero', 9)).rejects.toMatchObject({ kind: 'missing' });

  await files.makeDirectories([path.join(dir, 'one', 'two')]);
  await files.makeDirectories([path.join(dir, 'one', 'two')]);
  expect((await stat(path.join(dir, 'one', 'two'))).isDirectory()).toBe(true);
  await expect(files.makeDirectories([path.join(file, 'below a file')])).rejects.toThrow(
    'below a file',
  );
  await expect(files.write(path.join(file, 'below a file'), bytes)).rejects.toThrow(
    path.basename(file),
  );
}

test('the worker’s own files are read and written whole, or it is told why not', async () => {
  await withDirectory((dir) => expectContract(createAgentFiles(undefined), dir));
});

describe.skipIf(reason !== undefined)(
  `the files of an agent of another user${reason ? ` (not here: ${reason})` : ''}`,
  () => {
    test('are read and written the same way, and are the agent’s', { tags: 'long' }, async () => {
      await withDirectory(async (dir) => {
        await expectContract(createAgentFiles(agentUser()), dir);
        expect((await stat(path.join(dir, 'deep', 'er'))).uid).toBe(agentUser().uid);
        const large = Buffer.alloc(20 * 1024 * 1024, 'x');
        await createAgentFiles(agentUser()).write(path.join(dir, 'large'), large);
        expect(
          (await createAgentFiles(agentUser()).read(path.join(dir, 'large'), large.length)).equals(
            large,
          ),
        ).toBe(true);
      });
    });

    test('a way out of them leads nowhere: neither by a link, nor by a name', async () => {
      await withDirectory(async (dir) => {
        const files = createAgentFiles(agentUser());
        const secret = path.join(path.dirname(dir), 'secret');
        await writeFile(secret, 'the worker’s', { mode: 0o600 });
        await symlink(secret, path.join(dir, 'link'));
        await symlink(path.dirname(dir), path.join(dir, 'inbox'));
        await expect(files.read(path.join(dir, 'link'), 99)).rejects.toMatchObject({
          kind: 'forbidden',
        });
        await expect(files.read(`${dir}/../secret`, 99)).rejects.toMatchObject({
          kind: 'forbidden',
        });
        await expect(
          files.write(path.join(dir, 'link'), Buffer.from('overwritten')),
        ).rejects.toThrow('was not written');
        await expect(
          files.write(path.join(dir, 'inbox', 'planted'), Buffer.from('x')),
        ).rejects.toThrow('was not written');
        await expect(files.makeDirectories([path.join(dir, 'inbox', 'planted')])).rejects.toThrow(
          'was not made',
        );
        expect(await readFile(secret, 'utf8')).toBe('the worker’s');
        // /proc/self is that of the command that reads, which has nothing to hide.
        expect((await files.read('/proc/self/environ', 4096)).toString()).toMatch(
          /^PATH=[^\0]*\0(PWD=[^\0]*\0)?$/,
        );
      });
    });

    test('of a transcript that the agent has filled only the end is read, and no line of shell brings more than 64 MB', async () => {
      await withDirectory(async (dir) => {
        const project = path.join(dir, 'projects', '-data-workspaces-1');
        const files = createAgentFiles(agentUser());
        await files.write(
          path.join(project, `${session}.jsonl`),
          Buffer.concat([Buffer.alloc(40 * 2 ** 20, 'x'), Buffer.from('\n{"end":true}\n')]),
          0o600,
        );
        const read = await createSessionFile(agentUser(), dir).read(session);
        expect([read.length, read.endsWith('\n{"end":true}\n')]).toEqual([32 * 2 ** 20, true]);
        await expect(
          runAsAgent(agentUser(), 'exec head -c 100000000 /dev/zero', []),
        ).rejects.toThrow('more than 64 MB');
      });
    });

    test('a transcript that only the agent may read is read as the SDK reads its own', async () => {
      await withDirectory(async (dir) => {
        const project = path.join(dir, 'projects', '-data-workspaces-1');
        const entry = (
          uuid: string,
          parentUuid: string | null,
          type: string,
          content: string,
        ): string =>
          JSON.stringify({
            parentUuid,
            isSidechain: false,
            userType: 'external',
            cwd: '/data/workspaces/1',
            sessionId: session,
            version: '2.1.330',
            type,
            uuid,
            timestamp: '2026-01-01T00:00:00.000Z',
            message: {
              role: type,
              content,
              ...(type === 'assistant'
                ? { model: 'm', stop_reason: 'end_turn', type: 'message', id: 'x' }
                : {}),
            },
          });
        const lines = [
          entry('1', null, 'user', 'a question'),
          entry('2', '1', 'assistant', 'an answer'),
          entry('3', '2', 'user', 'another “one”'),
          // Two prompts that waited while a run was interrupted.
          JSON.stringify({
            ...(JSON.parse(entry('5', '3', 'user', 'a third\na fourth')) as object),
            mergedSendUuids: ['4'],
          }),
          '{"type":"user","uuid":"6","mess',
        ];
        const files = createAgentFiles(agentUser());
        await files.write(
          path.join(project, `${session}.jsonl`),
          Buffer.from(lines.join('\n')),
          0o600,
        );
        const store = createSessionStore(createSessionFile(agentUser(), dir));
        process.env['CLAUDE_CONFIG_DIR'] = dir;
        const read = await readTranscript(session, '/data/workspaces/1', store);
        expect(read.map(({ id, kind, by, text }) => ({ id, kind, by, text }))).toEqual(
          await readTranscript(session, '/data/workspaces/1'),
        );
        expect(read.map(({ merged }) => merged)).toEqual([undefined, undefined, undefined, ['4']]);
        expect(['4', '5', '6'].map((id) => findPrompt(read, id).state)).toEqual([
          'unanswered',
          'unanswered',
          'absent',
        ]);
        expect(read.map(({ id, kind, text }) => [id, kind, text])).toEqual([
          ['1', 'other', 'a question'],
          ['2', 'answer', 'an answer'],
          ['3', 'other', 'another “one”'],
          ['5', 'other', 'a third\na fourth'],
        ]);
        expect(
          await readTranscript('00000000-c230-4469-b91a-5e38a0bf8ae3', '/data/workspaces/1', store),
        ).toEqual([]);
      });
    });

    test('a program that writes voice messages down runs as the agent, too', async () => {
      const transcribe = createTranscriber(
        {
          TRANSCRIBE_MODEL: 'm',
          TRANSCRIBE_COMMAND: 'sh -c \'id -un; cat "$0"; grep CapEff /proc/self/status\'',
        },
        { PATH: process.env['PATH'] },
      );
      expect(
        await transcribe?.(
          { bytes: Buffer.from('said'), name: 'voice.ogg', type: 'audio/ogg' },
          new AbortController().signal,
          agentUser(),
        ),
      ).toBe('nobody saidCapEff: 0000000000000000');
    });
  },
);
