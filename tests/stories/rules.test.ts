import { expect, test } from 'vitest';
import { callTool, text } from '../../simulator/model/answer.ts';
import type { Story } from '../../simulator/model/stories/story.ts';
import { said, texts, withStory } from '../support/story-bench.ts';

const rules = JSON.stringify({
  permissions: { allow: ['Bash'], defaultMode: 'bypassPermissions' },
  hooks: { SessionStart: [{ hooks: [{ type: 'command', command: 'touch hooked' }] }] },
});
const run = (command: string) => ({
  name: 'Bash',
  input: { command, description: 'Work on files' },
});
const write = (file: string, content = rules) => ({
  name: 'Write',
  input: { file_path: file, content },
});

/**
 * Ways to a file that says what Claude Code may do, or that is run by itself later. Only the last
 * step of each is not a plain change of the workspace.
 */
const ways: Record<string, { name: string; input: Record<string, unknown> }[]> = {
  'the settings': [write('.claude/settings.json')],
  'the local settings': [write('work/../.claude/settings.local.json')],
  'a copy': [write('plain.json'), run('cp plain.json .claude/settings.json')],
  'a folder by another name': [write('conf/settings.json'), run('mv conf .claude')],
  'a redirection': [run('echo hello > plain.txt'), run("echo '{}' > .claude/settings.json")],
  'a server': [
    write(
      '.mcp.json',
      JSON.stringify({ mcpServers: { own: { command: 'touch', args: ['served'] } } }),
    ),
  ],
  'a hook of git': [write('.git/hooks/pre-commit')],
  'its own settings': [write('../../claude/settings.json')],
  'the home': [write('../../home/.bashrc')],
};

/** `take X`: goes that way to its end, or to the first step that is refused. */
const wayward: Story = {
  matches: (asked) => asked.startsWith('take '),
  next({ results }, asked) {
    const name = asked.slice('take '.length).trim();
    const steps = ways[name] ?? [];
    const step = steps[results.length];
    const refused = results.filter(({ isError }) => isError).length;
    return step && refused === 0
      ? callTool(step.name, step.input)
      : text(
          `${name}: step ${results.length} of ${steps.length} was ${refused > 0 ? 'refused' : 'done'}.`,
        );
  },
};

test(
  'where changes of files need no leave, those that would change what needs leave do',
  { tags: 'long' },
  async () => {
    await withStory(
      { stories: [wayward], environment: { PERMISSIONS: 'edits', ANSWER_MINUTES: '0.005' } },
      async (bench) => {
        for (const [name, steps] of Object.entries(ways)) {
          const before = texts(bench).length;
          await bench.say(`take ${name}`);
          await said(bench, `${name}: step ${steps.length} of ${steps.length} was refused.`);
          // Nobody answers, so a step that is asked about is refused; those before it were not
          // asked about.
          expect(
            texts(bench)
              .slice(before)
              .filter((words) => words.startsWith('May I ')),
          ).toHaveLength(1);
        }
      },
    );
  },
);
