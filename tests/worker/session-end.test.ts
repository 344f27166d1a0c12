import {
  appendFile,
  chown,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { text } from '../../simulator/model/answer.ts';
import { createFaults } from '../../simulator/model/faults.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { claudeDirectory } from '../../worker/agent/sandbox/environment.ts';
import { findLostEnd, keepEnd } from '../../worker/agent/claude/transcript/transcript-end.ts';
import { createSessionFile } from '../../worker/agent/claude/transcript/transcript-file.ts';
import { openClaudeAgent, startTurn } from '../support/agent-bench.ts';
import type { ClaudeAgentBench } from '../support/agent-bench.ts';
import { agentUser, whyNotSeparate } from '../support/separate-worker.ts';
import { until } from '../support/until.ts';

/**
 * A transcript: `uuid<parent`, `uuid<parent kind` where it is no user's, `@uuid` for Claude Code's
 * note where it is. `!` is a note of nothing, what ends with `…` was cut short.
 */
function transcript(entries: string): string {
  return entries
    .split(', ')
    .map((entry) => {
      if (entry === '!')
        return JSON.stringify({ type: 'last-prompt', leafUuid: null, explicit: true });
      const note = entry === '@' ? {} : { leafUuid: entry.slice(1) };
      if (entry.startsWith('@'))
        return JSON.stringify({ type: 'last-prompt', lastPrompt: 'x', ...note });
      const [uuid = '', parent = '', kind = 'user'] = entry.replace('…', '').split(/[< ]/);
      const type = { 'sub-agent': 'user', summary: 'system' }[kind] ?? kind;
      const subtype = kind === 'summary' ? { subtype: 'compact_boundary' } : {};
      const isSidechain = kind === 'sub-agent';
      const line = JSON.stringify({
        parentUuid: parent || null,
        isSidechain,
        type,
        ...subtype,
        uuid,
      });
      return entry.endsWith('…') ? line.slice(0, -3) : line;
    })
    .join('\n');
}

test.each<{ name: string; entries: string; end: string | undefined }>([
  { name: 'nothing was written', entries: '', end: undefined },
  { name: 'there is no note', entries: 'a<, b<a assistant', end: undefined },
  { name: 'the note is at the end', entries: 'a<, b<a assistant, @b', end: undefined },
  {
    name: 'the end comes after the note',
    entries: 'a<, b<a assistant, @b, c<b, d<c assistant',
    end: undefined,
  },
  {
    name: 'the note is at a failed request',
    entries: 'a<, e<a system, @e, b<a assistant, c<b',
    end: 'c',
  },
  {
    name: 'the end is an attachment',
    entries: 'a<, e<a system, @e, b<a assistant, c<b attachment',
    end: 'c',
  },
  {
    name: 'a later note is right',
    entries: 'a<, e<a system, @e, b<a assistant, @b, c<b',
    end: undefined,
  },
  {
    name: 'a later note has only words',
    entries: 'a<, e<a system, @e, b<a assistant, @, c<b',
    end: 'c',
  },
  { name: 'an earlier note was right', entries: 'a<, @a, e<a system, @e, b<a assistant', end: 'b' },
  {
    name: 'nothing was said after the note, which goes back',
    entries: 'a<, e<a assistant, b<a assistant, @e',
    end: undefined,
  },
  {
    name: 'only a sub-agent has worked since',
    entries: 'a<, b<a assistant, @b, s<x sub-agent',
    end: undefined,
  },
  {
    name: 'all before was summed up',
    entries: 'a<, e<a system, @e, b<a assistant, s< summary, c<s',
    end: undefined,
  },
  {
    name: 'a summary came before the note',
    entries: 'a<, s< summary, c<s, e<c system, @e, d<c assistant',
    end: 'd',
  },
  {
    name: 'the note was taken back',
    entries: 'a<, e<a system, @e, b<a assistant, !, c<b',
    end: undefined,
  },
  {
    name: 'the last line was cut short',
    entries: 'a<, e<a system, @e, b<a assistant, c<b…',
    end: 'b',
  },
])('where Claude Code would not go on at the end: $name', ({ entries, end }) => {
  expect(findLostEnd(transcript(entries))).toBe(end);
  expect(findLostEnd(`${transcript(entries)}\n`)).toBe(end);
});

test.each([
  { whose: 'the worker’s own user', isOwn: true },
  { whose: 'the agent’s user', isOwn: false },
])('the end is kept once, as $whose, behind a line that was cut short', async ({ isOwn }) => {
  if (!isOwn && whyNotSeparate() !== undefined) return;
  const user = isOwn ? undefined : agentUser();
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-end-'));
  try {
    const project = path.join(dir, 'projects', "-it's “one”");
    const file = path.join(project, 'session-1.jsonl');
    await mkdir(project, { recursive: true });
    const before = transcript('a<, e<a system, @e, b<a assistant, c<b…');
    await writeFile(file, before, { mode: 0o600 });
    if (user)
      for (const place of [dir, path.dirname(project), project, file])
        await chown(place, user.uid, user.gid);
    const sessionFile = createSessionFile(user, dir);
    expect(await keepEnd('session-1', sessionFile)).toBe(true);
    const note = JSON.stringify({ type: 'last-prompt', leafUuid: 'b', sessionId: 'session-1' });
    expect(await readFile(file, 'utf8')).toBe(`${before}\n${note}\n`);
    expect(await keepEnd('session-1', sessionFile)).toBe(false);
    expect(await keepEnd('session-2', sessionFile)).toBe(false);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

const goesOn: Story = {
  matches: (asked) => asked.includes('You were interrupted'),
  next: () => text('gone on'),
};
const counts: Story = {
  matches: (asked) => asked === 'how many',
  next: ({ answersBefore }) => text(`${answersBefore} answers before`),
};

async function transcriptOf(bench: ClaudeAgentBench, session: string): Promise<string> {
  const projects = path.join(claudeDirectory(bench.dataDir), 'projects');
  for (const project of await readdir(projects)) {
    const file = path.join(projects, project, `${session}.jsonl`);
    if (
      await readFile(file).then(
        () => true,
        () => false,
      )
    )
      return file;
  }
  throw new Error('there is no transcript');
}

/**
 * The entry in which Claude Code has noted that it asks the model again; undefined before it is
 * written.
 */
async function askedAgain(file: string): Promise<string | undefined> {
  const entries = (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line.includes('"subtype":"api_error"'));
  return entries.length === 0
    ? undefined
    : (JSON.parse(entries.at(-1) ?? '') as { uuid: string }).uuid;
}

test('a session goes on at its end, also when Claude Code was killed while it asked the model again', async () => {
  const bench = await openClaudeAgent({ model: { stories: [goesOn, counts] } });
  try {
    const [conversation, workspace] = ['+15550000004', await bench.workspace('end')];
    const first = startTurn(bench.agent, workspace, { conversation, prompts: ['say one'] });
    expect(await first.ended).toBeUndefined();
    const session = first.session() ?? '';
    const file = await transcriptOf(bench, session);

    bench.model.faults.overloaded = Infinity;
    const prompts = [{ id: `SM${crypto.randomUUID()}`, text: 'say two' }];
    const killed = startTurn(bench.agent, workspace, { conversation, prompts, session });
    await until('another try', async () => (await askedAgain(file)) !== undefined);
    for (const pid of await bench.leaders()) process.kill(pid, 'SIGKILL');
    expect(await killed.ended).toMatchObject({ kind: 'died' });
    Object.assign(bench.model.faults, createFaults());
    // Every 64 kB Claude Code notes the entry that it is at.
    const note = {
      type: 'last-prompt',
      lastPrompt: 'say two',
      leafUuid: await askedAgain(file),
      sessionId: session,
    };
    await appendFile(file, `${JSON.stringify(note)}\n`);

    const resumed = startTurn(bench.agent, workspace, {
      conversation,
      prompts: [...prompts, 'say three'],
      session,
    });
    expect(await resumed.ended).toBeUndefined();
    expect(resumed.answers().map((answer) => answer.text)).toEqual(['gone on', 'three']);
    // At an end of its own Claude Code would note its last entry.
    for (const pid of await bench.leaders()) process.kill(pid, 'SIGKILL');
    await bench.agent.release(conversation);
    const next = startTurn(bench.agent, workspace, {
      conversation,
      prompts: ['how many'],
      session,
    });
    expect(await next.ended).toBeUndefined();
    expect(next.answers().map((answer) => answer.text)).toEqual(['3 answers before']);
    expect(next.session()).toBe(session);
  } finally {
    await bench.stop();
  }
});
