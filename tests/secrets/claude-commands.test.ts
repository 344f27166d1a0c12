import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { otherPhone, phone } from '../support/pipeline.ts';
import { openClaudeAgent, startTurn } from '../support/agent-bench.ts';
import { until } from '../support/until.ts';

/** Prints the names of all processes whose first environment holds the value of A_KEY. */
const holders =
  'sleep 60 & for file in $(grep -lsaF "$A_KEY" /proc/[0-9]*/environ); do cat "${file%environ}comm"; done 2> /dev/null | sort -u; kill $!';

test.skipIf(process.platform !== 'linux')(
  'Claude’s commands get the person’s secrets, at once when one is set; Claude Code itself and another person’s commands do not',
  async () => {
    const first = `first-${randomUUID()}`;
    const secrets: Record<string, Record<string, string>> = {
      [phone]: { A_KEY: first },
    };
    const bench = await openClaudeAgent({
      environment: { host: process.env, variablesOf: async (person) => secrets[person] ?? {} },
    });
    try {
      const [mine, theirs] = [await bench.workspace('1'), await bench.workspace('2')];
      const running = startTurn(bench.agent, mine, {
        conversation: phone,
        prompts: ['run: echo "[$A_KEY]"'],
        open: true,
      });
      await until('the first command', () => running.answers()[0]?.text.includes(`[${first}]`));
      // What a command starts has it, and what started the command has not.
      running.push(`run: ${holders}`);
      const found = await until('the second command', () => running.answers()[1]?.text);
      expect(found).toContain('sleep');
      expect(found).not.toMatch(/claude|node|vitest/i);
      secrets[phone] = { A_KEY: 'the-second-value', B_KEY: 'one more' };
      running.push('run: echo "[$A_KEY $B_KEY]"');
      await until('the third command', () =>
        running.answers()[2]?.text.includes('[the-second-value one more]'),
      );
      running.close();
      await running.ended;
      const other = startTurn(bench.agent, theirs, {
        conversation: otherPhone,
        prompts: ['run: echo "[$A_KEY$B_KEY]"'],
      });
      await other.ended;
      expect(other.answers()[0]?.text).toContain('[]');
    } finally {
      await bench.stop();
    }
  },
);
