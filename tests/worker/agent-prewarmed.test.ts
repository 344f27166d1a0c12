import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { homeAround, openClaudeAgent, startTurn } from '../support/agent-bench.ts';
import type { ClaudeAgentBench, ClaudeAgentBenchOptions } from '../support/agent-bench.ts';
import { until } from '../support/until.ts';

/**
 * `where`: says the directory that commands run in. `tabs`: opens the browser's server, whether or
 * not there is a browser.
 */
const stories: Story[] = [
  {
    matches: (asked) => asked === 'where',
    next: ({ results }) =>
      results[0]
        ? text(results[0].text.trim())
        : callTool('Bash', { command: 'pwd', description: 'Look where I am' }),
  },
  {
    matches: (asked) => asked === 'tabs',
    next: ({ results }) =>
      results.length > 0
        ? text('Looked.')
        : callTool('mcp__playwright__browser_tabs', { action: 'list' }),
  },
];

/**
 * An agent for as long as `use` takes; `say` is one turn, in a new session or the one given, and
 * returns the answer with the session.
 */
async function withAgent(
  options: ClaudeAgentBenchOptions,
  use: (
    bench: ClaudeAgentBench,
    say: (
      conversation: string,
      words: string,
      session?: string,
    ) => Promise<{ answer: string; session: string }>,
  ) => Promise<void>,
): Promise<void> {
  const bench = await openClaudeAgent({ model: { stories }, ...options });
  try {
    await use(bench, async (conversation, words, session) => {
      const turn = startTurn(bench.agent, await bench.workspace(conversation.slice(1)), {
        conversation,
        session,
        prompts: [words],
      });
      expect(await turn.ended).toBeUndefined();
      return {
        answer: turn
          .answers()
          .map((answer) => answer.text)
          .join('\n'),
        session: turn.session() ?? '',
      };
    });
  } finally {
    await bench.stop();
  }
}

/** Waits for the one process that is there besides the known ones. */
async function prewarmedOf(bench: ClaudeAgentBench, known: number[] = []): Promise<number> {
  return await until('a prewarmed process', async () =>
    (await bench.leaders()).find((pid) => !known.includes(pid)),
  );
}

const [ann, bob, cem] = ['+15551120001', '+15551120002', '+15551120003'] as const;

test(
  'a prewarmed process serves the next new session, in its own directory; then another is made',
  { tags: 'long' },
  async () => {
    await withAgent({ prewarmMs: 50, maxLive: 3 }, async (bench, say) => {
      const first = await say(ann, 'say hi');
      const [own = 0] = await bench.processes(first.session);
      const prewarmed = await prewarmedOf(bench, [own]);
      const second = await say(bob, 'where');
      expect(second.answer).toBe(path.join(bench.dataDir, 'workspaces', bob.slice(1)));
      // It carries the mark of its session from the beginning.
      expect(await bench.processes(second.session)).toContain(prewarmed);
      expect(bench.model.requests.at(-1)?.session).toBe(second.session);
      const third = await say(bob, 'say again', second.session);
      expect(await bench.processes(third.session)).toContain(prewarmed);
      await prewarmedOf(bench, [own, prewarmed]);
      await bench.agent.release(bob);
      // It is a session like any other: another process goes on with it.
      expect((await say(bob, 'say at last', second.session)).session).toBe(second.session);
      expect(bench.model.requests.at(-1)?.view.answersBefore).toBe(2);
    });
  },
);

test(
  'a prewarmed process that may not serve a directory, or has died, leaves the session to a process of its own',
  { tags: 'long' },
  async () => {
    await withAgent({ prewarmMs: 50, maxLive: 2 }, async (bench, say) => {
      const settings = path.join(await bench.workspace(bob.slice(1)), '.claude');
      await mkdir(path.join(settings, 'agents'), { recursive: true });
      await writeFile(
        path.join(settings, 'agents', 'painter.md'),
        '---\nname: painter\ndescription: Paints.\n---\nPaint.',
      );
      await say(ann, 'say hi');
      await bench.agent.release(ann);
      const refused = await prewarmedOf(bench);
      const second = await say(bob, 'where');
      expect(second.answer).toBe(path.dirname(settings));
      expect(await bench.processes(second.session)).not.toContain(refused);
      expect(await bench.leaders()).not.toContain(refused);
      await bench.agent.release(bob);

      const killed = await prewarmedOf(bench);
      process.kill(killed, 'SIGKILL');
      expect((await say(cem, 'say hello')).answer).toBe('hello');
      expect(await bench.leaders()).not.toContain(killed);
    });
  },
);

test(
  'a prewarmed process is given up when a browser takes its place',
  { tags: 'long' },
  async () => {
    await withAgent({ prewarmMs: 50, maxLive: 2 }, async (bench, say) => {
      const first = await say(ann, 'say hi');
      const [own = 0] = await bench.processes(first.session);
      const prewarmed = await prewarmedOf(bench, [own]);
      expect((await say(ann, 'tabs', first.session)).answer).toBe('Looked.');
      await until(
        'the end of the prewarmed process',
        async () => !(await bench.leaders()).includes(prewarmed),
      );
      expect(await bench.leaders()).toContain(own);
    });
  },
);

test(
  'what was made ready for a turn is what works it; what was made ready for another is closed',
  { tags: 'long' },
  async () => {
    await withAgent({ maxLive: 3 }, async (bench, say) => {
      const workspace = await bench.workspace(ann.slice(1));
      const coming = {
        conversation: ann,
        home: homeAround(workspace),
        workspace,
        model: undefined,
        permissions: 'all' as const,
      };
      await bench.agent.prepare?.({ ...coming, session: undefined });
      const [ready = 0] = await bench.leaders();
      const first = await say(ann, 'say one');
      expect(await bench.processes(first.session)).toEqual([ready]);
      await bench.agent.release(ann);

      await bench.agent.prepare?.({ ...coming, session: first.session });
      const [resumed = 0] = await bench.processes(first.session);
      expect((await say(ann, 'say two', first.session)).answer).toBe('two');
      expect(bench.model.requests.at(-1)?.view.answersBefore).toBe(1);
      expect(await bench.leaders()).toEqual([resumed]);
      await bench.agent.release(ann);

      await bench.agent.prepare?.({ ...coming, session: first.session });
      const other = await say(ann, 'say three');
      expect(other.session).not.toBe(first.session);
      expect(await bench.processes(first.session)).toEqual([]);
    });
  },
);
