import { rm } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createLog } from '../../shared/runtime/log.ts';
import { setAside } from '../../worker/agent/homes/earlier-layout.ts';
import { workspaceOf } from '../../worker/agent/homes/home.ts';
import { createHomes } from '../../worker/agent/homes/homes.ts';
import { moveIn } from '../../worker/agent/homes/moving-in.ts';
import { openClaudeAgent, startTurn } from '../support/agent-bench.ts';

const conversations = ['+15551230001', '+15551230002'];

test(
  'a session of a version with one home goes on in its person’s home',
  { tags: 'long' },
  async () => {
    const bench = await openClaudeAgent();
    const { dataDir, agent } = bench;
    try {
      const sessions = new Map<string, string | undefined>();
      for (const conversation of conversations) {
        const workspace = await bench.workspace(conversation.slice(1));
        const turn = startTurn(agent, workspace, { conversation, prompts: ['say one'] });
        expect(await turn.ended).toBeUndefined();
        sessions.set(conversation, turn.session());
        await agent.release(conversation);
      }
      await setAside(dataDir, undefined);
      const homes = createHomes({ dataDir, imagesDir: path.join(dataDir, 'images') });
      const idOf = async (conversation: string): Promise<string> => `p-${conversation.slice(-1)}`;
      await moveIn({
        homes,
        idOf,
        owner: async () => conversations[0],
        log: createLog('test', 'silent'),
      });
      // Old paths are not what makes it go on.
      await rm(path.join(dataDir, 'workspaces'), { recursive: true });
      for (const conversation of conversations) {
        const home = await homes.of(await idOf(conversation));
        const turn = startTurn(agent, workspaceOf(home, conversation), {
          conversation,
          session: sessions.get(conversation),
          prompts: ['say two'],
        });
        expect(await turn.ended).toBeUndefined();
        expect(turn.session()).toBe(sessions.get(conversation));
        expect(bench.model.requests.at(-1)?.view.answersBefore).toBe(1);
        await agent.release(conversation);
      }
    } finally {
      await bench.stop();
    }
  },
);
