import { assert, asyncProperty, constantFrom, oneof, string } from 'fast-check';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { secretCommands } from '../../worker/commands/secret-commands.ts';
import type { CommandCall, CommandDeps } from '../../worker/commands/command.ts';
import type { SecretDesk } from '../../worker/secrets/secret-desk.ts';
import { phone } from '../support/pipeline.ts';
import { anyCharacter } from '../support/any-character.ts';

const log = createLog('test', 'silent');

/** A desk that notes the names for which a page was asked. */
function openDesk(asked: string[]): SecretDesk {
  return {
    ask: async (_conversation, name) => {
      asked.push(name);
      return 'https://relay.example/link/token';
    },
    take: async () => ({ outcome: 'gone' }),
    list: async () => [],
    remove: async () => false,
    isShared: (name) => name === 'GITHUB_TOKEN',
    shared: ['GITHUB_TOKEN'],
    openLinks: async () => [],
    revokeLinks: async () => 0,
    forget: async () => 0,
  };
}

/** What a text of the chat is answered with, and the names that it leads to. */
async function say(text: string): Promise<{ answer: string; asked: string[] }> {
  const asked: string[] = [];
  for (const { pattern, run } of secretCommands) {
    const match = pattern.exec(text);
    if (!match) continue;
    const parts = { stores: { secrets: openDesk(asked) } } as unknown as CommandDeps;
    const call = {
      message: { conversation: phone },
      argument: (match[1] ?? '').trim(),
      context: { log },
      busy: false,
    } as unknown as CommandCall;
    return { answer: String(await run(parts, call)), asked };
  }
  return { answer: '', asked };
}

test('whatever is typed behind a name is never repeated, and no reserved name gets a page', async () => {
  await assert(
    asyncProperty(
      oneof(
        constantFrom('GITHUB_TOKEN', 'a_key', 'LD_PRELOAD', 'git_dir', 'PATH', 'http_proxy', '1X'),
        string({ unit: constantFrom(...'ABYZ_019az$=-é'), minLength: 1, maxLength: 40 }),
        string({ unit: anyCharacter, maxLength: 40 }),
      ),
      constantFrom(' ', '=', ': ', '\n', '  =  '),
      string({ minLength: 10, maxLength: 60 }).map((text) => `#${text.trim()}#`),
      async (name, between, value) => {
        const { answer, asked } = await say(`/secret ${name}${between}${value}`);
        expect(answer).not.toContain(value);
        for (const one of asked) {
          expect(one).toMatch(/^[A-Z][A-Z0-9_]*$/);
          expect(one).not.toMatch(/^(?:LD_|GIT_)|^PATH$|_PROXY$/);
          expect(answer).toContain('please treat it as known to others');
        }
      },
    ),
    { numRuns: 100 },
  );
});
