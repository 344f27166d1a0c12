import { checkAgentContract } from '../contracts/agent.contract.ts';
import { openClaudeAgent } from '../support/agent-bench.ts';
import { gate } from '../support/gate-story.ts';

checkAgentContract(async () => {
  const bench = await openClaudeAgent({ model: { stories: [gate] } });
  return {
    agent: bench.agent,
    workspace: bench.workspace,
    asked: () => bench.model.requests.filter(({ kind }) => kind === 'turn').length,
    told: async (session, workspace, text) =>
      (await bench.userTexts(session, workspace)).filter((said) => said === text).length,
    processes: async (session) => (await bench.processes(session)).length,
    stop: bench.stop,
  };
});
