import type { Log } from '../../shared/runtime/log.ts';
import { beginEpoch } from '../../shared/store/redis/epoch.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { readEffort } from '../agent/agent.ts';
import type { Agent } from '../agent/agent.ts';
import { createLateAgent } from '../agent/late-agent.ts';
import type { LateAgent } from '../agent/late-agent.ts';
import { countBoot, ownerOf } from './boot-number.ts';
import { readComing } from './peek-turn.ts';
import { permissionsOf } from '../commands/setting-commands.ts';
import type { WorkerConfig } from '../config.ts';
import { createSessionLock } from './session-lock.ts';
import type { SessionLock } from './session-lock.ts';
import { workspaceOf } from '../workspace.ts';

/**
 * The parts that exist first: connection, name, and the agent, which is already created if a turn
 * waits for it. `ready` settles when everything that this turn needs of the agent is under way.
 */
export type Boot = {
  redis: Redis;
  boot: number;
  agent: LateAgent;
  claims: SessionLock;
  ready: Promise<void>;
};

/**
 * Numbers the worker's boot and has the agent prepare the first turn before the rest of the worker
 * exists: Claude Code takes longer to start than everything else, so both start in parallel.
 * Without a waiting turn, the queues come before the agent. Throws when Redis refuses.
 */
export async function bootWorker(
  config: WorkerConfig,
  createAgent: (owner: string, redis: Redis) => Promise<Agent>,
  log: Log,
): Promise<Boot> {
  const redis = connectRedis(config.REDIS_URL, 'patient', log);
  try {
    const [boot, coming] = await Promise.all([
      countBoot(redis, config.WORKER_ID),
      readComing(redis),
      beginEpoch(redis),
    ]);
    const owner = ownerOf(config.WORKER_ID, boot);
    const agent = createLateAgent(() => createAgent(owner, redis));
    const claims = createSessionLock(
      redis,
      owner,
      (conversation) => agent.release(conversation),
      log,
    );
    const prepare = async (): Promise<void> => {
      if (!coming) return;
      void agent.make();
      if (!(await claims.claimIfFree(coming.conversation))) return;
      const { conversation, remembered } = coming;
      const turn = {
        conversation,
        workspace: workspaceOf(config.DATA_DIR, conversation),
        session: remembered.session,
        model: remembered.model,
        effort: readEffort(remembered.effort),
        permissions: permissionsOf(remembered.permissions, config.PERMISSIONS),
      };
      await agent.prepare?.(turn);
    };
    const ready = prepare().catch((error: unknown) =>
      log.warn({ err: error }, 'preparing the first turn failed'),
    );
    return { redis, boot, agent, claims, ready };
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}
