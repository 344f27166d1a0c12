import { access, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createFastAgent } from '../../simulator/fast-agent.ts';
import { gatePlace } from '../support/gate-story.ts';
import { checkAgentContract } from '../contracts/agent.contract.ts';

checkAgentContract(async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-fast-'));
  let asked = 0;
  const agent = createFastAgent({
    dir: path.join(dir, 'transcripts'),
    async answer(text, { workspace, signal }) {
      asked += 1;
      if (text !== 'gate') return text.replace('say ', '');
      await mkdir(path.join(workspace, gatePlace), { recursive: true });
      await writeFile(path.join(workspace, gatePlace, 'begun'), '');
      while (!(await exists(path.join(workspace, gatePlace, 'gate'))))
        await sleep(5, undefined, { signal });
      return 'through';
    },
  });
  return {
    agent,
    async workspace(name) {
      const workspace = path.join(dir, 'workspaces', name);
      await mkdir(workspace, { recursive: true });
      return workspace;
    },
    asked: () => asked,
    told: async (session) =>
      (await readFile(path.join(dir, 'transcripts', `${session}.jsonl`), 'utf8'))
        .split('\n')
        .filter((line) => line.startsWith('{"prompt"')).length,
    processes: async () => 0,
    async stop() {
      await agent.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
});

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
