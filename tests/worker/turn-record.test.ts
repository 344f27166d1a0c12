import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { FencedError } from '../../shared/store/boxes/inbox.ts';
import { totalUse } from '../../shared/store/money/spend.ts';
import type { RecordEntry } from '../../shared/store/turns/records.ts';
import { createRecordReader } from '../../relay/watch/turn-record.ts';
import type { AgentEvent } from '../../worker/agent/agent.ts';
import { toolOutput } from '../../worker/agent/tool-output.ts';
import { shortOutput } from '../../worker/progress/short-output.ts';
import { createTurnRecord } from '../../worker/progress/turn-record.ts';
import { createBlank } from '../../worker/secrets/blanking.ts';
import { blankTexts } from '../../worker/secrets/hide-secrets.ts';
import { fence } from '../support/stores-bench.ts';

const tool = (id: string, description: string): Extract<AgentEvent, { kind: 'tool' }> => {
  return { kind: 'tool', id, name: 'Bash', summary: 'ls', description, timeoutMs: undefined };
};

/** What a turn with these events leaves in its record. */
async function record(
  events: [event: AgentEvent, asked?: string][],
  append: (entries: readonly RecordEntry[]) => Promise<void> = async () => undefined,
): Promise<RecordEntry[]> {
  const kept: RecordEntry[] = [];
  const made = createTurnRecord({
    records: {
      append: async (_fence, _turn, entries) => {
        await append(entries);
        kept.push(...entries);
      },
      end: async () => {
        await append([]);
        kept.push({ kind: 'done', at: 1000 });
        return totalUse(new Map());
      },
    },
    reader: {
      shrink: async () => ({
        seen: { type: 'image/png', voice: false, picture: true, carried: true, captioned: true },
        view: { kind: 'chat', types: ['image/jpeg'] },
        blobs: [Buffer.from('small')],
      }),
    },
    homing: Promise.resolve({ user: undefined }),
    context: {
      turn: 'T',
      fence,
      signal: new AbortController().signal,
      log: createLog('test', 'silent'),
    },
    now: () => 1000,
  });
  for (const [event, asked] of events) made.note(event, asked);
  await made.end();
  await made.end();
  return kept;
}

test('steps, those of helpers, tasks, pictures and questions become entries, and are read as they were', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-record-'));
  try {
    await writeFile(path.join(dir, 'page.png'), 'a picture');
    const entries = await record([
      [tool('a', 'Run the tests')],
      [{ kind: 'tool-end', id: 'a', failed: true, output: 'no' }],
      [{ kind: 'picture', path: path.join(dir, 'page.png') }],
      [{ kind: 'picture', path: path.join(dir, 'gone.png') }],
      [tool('h', 'Send a helper')],
      [{ kind: 'helper', of: 'h', step: tool('h1', 'Count the files') }],
      [{ kind: 'tasks', tasks: [{ id: 't', kind: 'command', description: 'Watch it' }] }],
      [{ kind: 'alive' }, 'Which one?'],
      [{ kind: 'tool-end', id: 'h', failed: false }],
      [{ kind: 'tasks', tasks: [] }],
      // What the person sees anyway, and an end without a beginning.
      [{ kind: 'tool', id: 's', name: 'AskUserQuestion', summary: '', timeoutMs: undefined }],
      [{ kind: 'tool-end', id: 's', failed: false }],
    ]);
    expect(entries.flatMap((entry) => (entry.kind === 'end' ? [entry.id] : []))).toEqual([
      'a',
      'h',
    ]);
    expect(entries.filter(({ kind }) => kind === 'done')).toHaveLength(1);
    const reader = createRecordReader();
    reader.add([{ kind: 'run', at: 1000 }, ...entries]);
    const { items, tasks, isAtWork, runs } = reader.record;
    expect([isAtWork, runs]).toEqual([false, 1]);
    expect(items).toMatchObject([
      {
        words: 'Running the tests',
        raw: 'Bash ls',
        state: 'failed',
        output: 'no',
        pictures: [{ left: undefined }],
      },
      {
        words: 'Sending a helper',
        state: 'done',
        steps: [{ words: 'Counting the files', state: 'interrupted' }],
      },
      { kind: 'wait', text: 'Which one?', until: 1000 },
    ]);
    expect(tasks).toMatchObject([{ words: 'Watch it', isHelper: false, endedAt: 1000 }]);
    const shown = items[0]?.kind === 'step' ? items[0].pictures[0]?.entry : undefined;
    expect(entries[(shown ?? 0) - 1]).toMatchObject({
      kind: 'picture',
      of: 'a',
      base64: 'c21hbGw=',
    });

    // A second run: what ran in the first one was interrupted.
    reader.add([{ kind: 'run', at: 2000 }, undefined]);
    expect([reader.record.isAtWork, reader.record.runs]).toEqual([true, 2]);
    expect(reader.record.length).toBe(entries.length + 3);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('a store that fails, and a worker that was taken over, end no turn', async () => {
  const failing = async (): Promise<void> => {
    throw new Error('Redis is away');
  };
  const fenced = async (): Promise<void> => {
    throw new FencedError('another worker has this turn');
  };
  expect(await record([[tool('a', 'Run it')]], failing)).toEqual([]);
  expect(await record([[tool('a', 'Run it')]], fenced)).toEqual([]);
});

test('an output keeps its beginning and its end in 16 kB, without colours, and no part of a secret', async () => {
  const secret = 'kT7-of-this-person-9wq';
  const blank = createBlank([{ name: 'TOKEN', value: secret }]);
  // The secret in every place where the output is cut.
  for (let at = 0; at < 40_000; at += 997) {
    const raw = `\u001B[31m${'x'.repeat(at)}${secret}${'ü'.repeat(40_000 - at)}\u001B[0m`;
    const { output = '' } = toolOutput([{ type: 'text', text: raw }]);
    const [event] = [{ kind: 'tool-end', id: 'a', failed: false, output }].map((one) =>
      blankTexts(one, blank),
    );
    const kept = shortOutput(event?.output ?? '');
    expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(16 * 1024);
    expect(kept).not.toMatch(/kT7-of|person|9wq|\uFFFD/);
    expect(kept).not.toContain('\u001B');
  }
  // Split over two blocks.
  const blocks = [secret.slice(0, 9), secret.slice(9)].map((text) => ({ type: 'text', text }));
  expect(blank(toolOutput(blocks).output ?? '')).not.toMatch(/kT7-of|person|9wq/);
  expect(shortOutput('short')).toBe('short');
  expect(shortOutput(`begin${'é'.repeat(20_000)}end`)).toMatch(
    /^beginé+\n… \d+ bytes left out …\né+end$/,
  );
  expect([toolOutput(undefined), toolOutput([{ type: 'image' }]), toolOutput(' \n')]).toEqual([
    {},
    {},
    {},
  ]);
});
