import { expect, test } from 'vitest';
import { createConversations } from '../../shared/store/conversation.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { createOutbox } from '../../shared/store/boxes/outbox.ts';
import { createDeliveries } from '../../shared/store/queues.ts';
import type { PermissionMode } from '../../worker/agent/settings.ts';
import type { DigestedProgram, WorkspaceReader } from '../../worker/agent/workspace/reader.ts';
import type { Questions } from '../../worker/questions/questions.ts';
import type { TurnContext } from '../../worker/turn/context.ts';
import { createWorkspaceTrust } from '../../worker/questions/workspace-trust.ts';
import { withRedis } from '../support/redis.ts';

const conversation = '+15551230001';
const fence = { lock: keys.jobLock('turns', '1'), token: 'mine' };
const program = (digest: string): DigestedProgram => ({
  kind: 'variables',
  name: `variable ${digest}`,
  shown: `A=${digest}`,
  values: { A: digest },
  files: [],
  digest,
});

type Bench = {
  settle: (
    digests: string[],
    permissions: PermissionMode,
    answer?: { words: string[]; answered: boolean },
  ) => Promise<string[]>;
  asked: string[];
};

/**
 * What of a workspace with these programs may run, in a turn of the same conversation each time.
 */
async function withTrust(run: (bench: Bench) => Promise<void>): Promise<void> {
  await withRedis(async (redis) => {
    await redis.set(fence.lock, fence.token);
    const deliveries = createDeliveries(redis);
    const [conversations, outbox] = [createConversations(redis), createOutbox(redis, deliveries)];
    const context = {
      conversation,
      turn: 'turn',
      fence,
      log: createLog('test', 'silent'),
    } as TurnContext;
    const asked: string[] = [];
    await run({
      asked,
      async settle(digests, permissions, answer = { words: ['No'], answered: true }) {
        const workspaces = {
          look: async () => ({
            programs: digests.map(program),
            rules: { deny: [], ask: [] },
            off: [],
          }),
        } as unknown as WorkspaceReader;
        const ask: Questions['ask'] = async ({ subject = '' }) => {
          asked.push(subject);
          return answer;
        };
        const trust = createWorkspaceTrust(
          { workspaces, conversations, outbox },
          context,
          { ask } as unknown as Questions,
          'workspace',
        );
        const { programs } = await trust.decide(permissions, new AbortController().signal);
        return programs.map(({ digest }) => digest);
      },
    });
    await deliveries.close();
  });
}

const yes = { words: ['Yes'], answered: true };

test('a project’s programs run after a yes to this content, which is asked once', async () => {
  await withTrust(async ({ settle, asked }) => {
    expect(await settle(['a'], 'ask')).toEqual([]);
    expect(await settle(['a'], 'ask', yes)).toEqual([]);
    expect(await settle(['a', 'b'], 'ask', yes)).toEqual(['b']);
    expect(await settle(['b'], 'edits')).toEqual(['b']);
    expect(await settle(['b changed'], 'edits')).toEqual([]);
    expect(asked).toEqual(['a', 'b', 'b changed']);
  });
});

test('a default that holds without an answer is no yes', async () => {
  await withTrust(async ({ settle }) => {
    expect(await settle(['a'], 'ask', { words: ['Yes'], answered: false })).toEqual([]);
    expect(await settle(['b'], 'ask', { words: ['Perhaps'], answered: true })).toEqual([]);
  });
});

test('in the mode all they run and are told of; in another mode what was told of is asked about', async () => {
  await withTrust(async ({ settle, asked }) => {
    expect(await settle(['a'], 'all')).toEqual(['a']);
    expect(asked).toEqual([]);
    expect(await settle(['a'], 'ask')).toEqual([]);
    expect(asked).toEqual(['a']);
    // What was refused stays off in the mode all, too.
    expect(await settle(['a'], 'all')).toEqual([]);
  });
});
