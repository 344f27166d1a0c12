import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { ChatMessage } from '../../simulator/chat.ts';
import { phone } from '../support/pipeline.ts';
import { said, tap, texts, withStory, workspaceOf } from '../support/story-bench.ts';
import type { StoryBench } from '../support/story-bench.ts';
import { until } from '../support/until.ts';

/**
 * A session starts anew when other programs may run, which takes long on a busy machine: no
 * watchdog is the point here (ms).
 */
const silence = { idleMs: 60_000, toolMs: 60_000 };
const answerMs = 60_000;

/**
 * A project with a server, hooks and variables of its own; what runs leaves a file among its marks.
 */
async function layProject(
  bench: StoryBench,
): Promise<{ marks(): Promise<string[]>; put(file: string, content: unknown): Promise<void> }> {
  const workspace = await workspaceOf(bench);
  const put = async (file: string, content: unknown): Promise<void> => {
    await mkdir(path.dirname(path.join(workspace, file)), { recursive: true });
    await writeFile(
      path.join(workspace, file),
      typeof content === 'string' ? content : JSON.stringify(content),
    );
  };
  await put('marks/.keep', '');
  const hook = (command: string, rest: object = {}) => [
    { hooks: [{ type: 'command', command, ...rest }] },
  ];
  await put('.mcp.json', {
    mcpServers: { notes: { command: 'sh', args: ['-c', 'touch marks/server'] } },
  });
  await put('.claude/settings.json', {
    env: { ANTHROPIC_BASE_URL: 'http://127.0.0.1:9', COLOUR: 'blue' },
    apiKeyHelper: 'touch marks/helper; echo x',
    hooks: {
      SessionStart: hook('bash scripts/start.sh'),
      UserPromptSubmit: hook(
        'touch marks/submit; echo "$COLOUR" > marks/colour; grep -q forbidden && { echo "not that" >&2; exit 2; }; true',
      ),
    },
  });
  await put('scripts/start.sh', 'touch marks/start');
  return {
    marks: async () =>
      (await readdir(path.join(workspace, 'marks')))
        .filter((name) => !name.startsWith('.'))
        .toSorted(),
    put,
  };
}

/** The messages after the first `from`, once one of them has buttons. */
async function question(bench: StoryBench, from: number): Promise<ChatMessage> {
  return await until('a question', () =>
    bench
      .replies(phone)
      .slice(from)
      .find(({ buttons }) => buttons.length > 0),
  );
}

test(
  'in the mode ask a project’s own programs run after a yes, shown whole and by name, once for each content',
  { tags: 'long' },
  async () => {
    await withStory({ environment: { PERMISSIONS: 'ask' }, worker: { silence } }, async (bench) => {
      const { marks, put } = await layProject(bench);
      await bench.say('say hello');
      const first = await question(bench, 0);
      const told = texts(bench).join('\n');
      for (const shown of [
        "sh -c 'touch marks/server'",
        'bash scripts/start.sh',
        'grep -q forbidden',
        'COLOUR=blue',
        'MCP server “notes”',
        'hook for SessionStart',
        '“apiKeyHelper”',
        'ANTHROPIC_BASE_URL',
      ])
        expect(told).toContain(shown);
      expect(first.buttons.map(({ title }) => title)).toEqual(['Yes', 'No']);
      expect(await marks()).toEqual([]);
      await tap(bench, first, 'No');
      await until('the answer', () => texts(bench).at(-1) === 'hello', answerMs);
      let count = texts(bench).length;
      await bench.say('say again');
      await until('the next answer', () => texts(bench).at(-1) === 'again', answerMs);
      // A no is remembered, and nothing of it has run.
      expect(texts(bench)).toHaveLength(count + 1);
      expect(await marks()).toEqual([]);

      await bench.say('/permissions project');
      await said(bench, 'ask again with your next message');
      count = texts(bench).length;
      await bench.say('say now');
      await tap(bench, await question(bench, count), 'Yes');
      await until('its answer', () => texts(bench).at(-1) === 'now', answerMs);
      await until(
        'all of it',
        async () => (await marks()).join(' ') === 'colour server start submit',
      );

      count = texts(bench).length;
      await bench.say('say something forbidden');
      const blocked = await until('the hook’s word', () => texts(bench)[count]);
      expect(blocked).toContain('hook for UserPromptSubmit');
      expect(blocked).toContain('not that');

      // The same command, but its file has changed.
      await put('scripts/start.sh', 'touch marks/changed');
      count = texts(bench).length;
      await bench.say('say more');
      const again = await question(bench, count);
      expect(again.text).toContain('bash scripts/start.sh');
      expect(again.text).not.toContain('MCP server');
      await tap(bench, again, 'No');
      await until('the last answer', () => texts(bench).at(-1) === 'more', answerMs);
      expect(await marks()).not.toContain('changed');
    });
  },
);

test(
  'in the mode all they run and the chat says so once; a hook that hangs or has changed is named',
  { tags: 'long' },
  async () => {
    await withStory({ worker: { silence } }, async (bench) => {
      const { marks, put } = await layProject(bench);
      await put('.claude/settings.local.json', {
        hooks: {
          SessionStart: [{ hooks: [{ type: 'command', command: 'sleep 900', timeout: 1 }] }],
          Stop: [{ hooks: [{ type: 'command', command: './scripts/stop.sh' }] }],
        },
      });
      await put('scripts/stop.sh', '#!/bin/sh\ntouch marks/stop');
      await chmod(path.join(await workspaceOf(bench), 'scripts/stop.sh'), 0o755);
      await bench.say('say hello');
      await until('the answer', () => texts(bench).includes('hello'), answerMs);
      const told = texts(bench).join('\n');
      expect(told).toContain('run from now on');
      expect(told).toContain('bash scripts/start.sh');
      await said(bench, 'hook for SessionStart (`sleep 900`) did not end within 1 s');
      await until(
        'all of it',
        async () => (await marks()).join(' ') === 'colour server start stop submit',
      );
      const count = texts(bench).length;
      // Changed by Claude itself, after the look: it does not run before it was told of.
      await bench.say("run: printf '#!/bin/sh\\ntouch marks/sneaked' > scripts/stop.sh");
      await said(bench, 'hook for Stop (`./scripts/stop.sh`) was left out');
      expect(await marks()).not.toContain('sneaked');
      expect(texts(bench).slice(count).join('\n')).not.toContain('run from now on');
      // What comes while the turn still runs would join it, with the hooks that it began with.
      await until('the end of its turn', async () => (await bench.jobs('active')).length === 0);
      await bench.say('say next');
      await until('the next answer', () => texts(bench).includes('next'), answerMs);
      expect(
        texts(bench)
          .slice(count)
          .filter((words) => words.includes('run from now on')),
      ).toHaveLength(1);
      await until('the told hook', async () => (await marks()).includes('sneaked'));
    });
  },
);
