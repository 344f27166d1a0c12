import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { commandVariables, writeExports } from '../../worker/agent/sandbox/command-environment.ts';
import type { ModelSession } from '../../worker/agent/model/sessions.ts';
import { ann, bob, withProxy } from '../support/proxy-bench.ts';
import type { ProxyBench } from '../support/proxy-bench.ts';
import { withRedis } from '../support/redis.ts';

const run = promisify(execFile);

/** Runs a command as Claude Code does: the script's text before it, in one shell. */
async function runCommand(
  { port }: Pick<ProxyBench, 'port'>,
  { commandToken }: Pick<ModelSession, 'commandToken'>,
  command: string,
  shell = 'bash',
): Promise<string> {
  const variables = commandVariables(undefined, commandToken);
  const script = await readFile(variables['CLAUDE_ENV_FILE'] ?? '', 'utf8');
  const text = `true && ${script}\n: && eval '${command.replaceAll("'", String.raw`'\''`)}'`;
  const address = `http://127.0.0.1:${port}`;
  // Without SHLVL bash reads ~/.bashrc when its input is a socket, as Node's pipes are.
  const env = { PATH: process.env['PATH'], SHLVL: '1', ANTHROPIC_BASE_URL: address, ...variables };
  return (await run(shell, ['-c', text], { env })).stdout;
}

const odd = `a'b"c $(touch x) \`id\` \\ \n second line; é 👩‍🚀 ${'x'.repeat(8000)}`;

test('a command gets the variables of its session’s person, exactly, and no other session’s', async () => {
  const variables: Record<string, Record<string, string>> = {
    [ann]: { ODD: odd, A_KEY: 'of ann' },
    [bob]: { B_KEY: 'of bob' },
  };
  const exportsOf = async (conversation: string): Promise<string> =>
    writeExports(variables[conversation] ?? {});
  await withRedis(async (redis) => {
    await withProxy(
      redis,
      (_request, response) => response.end(),
      async (bench) => {
        const [mine, theirs, unbound] = [bench.session(ann), bench.session(bob), bench.admit()];
        const print = 'printf "%s|%s|%s" "${ODD-none}" "${A_KEY-none}" "${B_KEY-none}"';
        for (const shell of ['bash', 'sh'])
          expect(await runCommand(bench, mine, print, shell)).toBe(`${odd}|of ann|none`);
        expect(await runCommand(bench, theirs, print)).toBe('none|none|of bob');
        expect(await runCommand(bench, unbound, print)).toBe('none|none|none');
        variables[ann] = { A_KEY: 'another' };
        expect(await runCommand(bench, mine, print)).toBe('none|another|none');
        mine.close();
        expect(await runCommand(bench, mine, print)).toBe('none|none|none');
        expect(await runCommand({ port: 1 }, theirs, 'printf ran')).toBe('ran');
        expect(
          await runCommand(bench, { commandToken: 'wrong' }, 'printf "%s" "${B_KEY-none}"'),
        ).toBe('none');
        // Nothing of it went to the model's service.
        expect(bench.requests).toEqual([]);
        const asked = await bench.ask(theirs, { method: 'GET', path: '/environment?x' });
        expect(asked.status).toBe(404);
        expect((await bench.ask(theirs, { method: 'POST', path: '/environment' })).status).toBe(
          404,
        );
      },
      { keys: { ANTHROPIC_API_KEY: 'k', CLAUDE_CODE_OAUTH_TOKEN: 't' }, exportsOf },
    );
  });
});

test('a token of the person’s own serves git for github.com, and for nothing else', async () => {
  const own = writeExports({ GITHUB_TOKEN: 'github_pat_own' });
  const fill = async (lines: string, address: string): Promise<string> => {
    const script = `${lines}printf 'protocol=https\\nhost=%s\\n\\n' "$1" | git credential fill`;
    const env = { PATH: process.env['PATH'], HOME: '/nonexistent', GIT_TERMINAL_PROMPT: '0' };
    return (await run('bash', ['-c', script, 'bash', address], { env })).stdout;
  };
  expect(await fill(own, 'github.com')).toContain(
    'username=x-access-token\npassword=github_pat_own\n',
  );
  await expect(fill(own, 'github.com.evil.example')).rejects.toThrow('could not read');
  await expect(fill(writeExports({ OTHER: 'github_pat_own' }), 'github.com')).rejects.toThrow(
    'could not read',
  );
});
