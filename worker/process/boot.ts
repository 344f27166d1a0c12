import type { Log } from '../../shared/runtime/log.ts';
import { beginEpoch } from '../../shared/store/redis/epoch.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
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
 * The beginning of a worker: its connection, its name, and the agent, which is made already if a
 * turn waits for it. `ready` settles when all is under way that this turn needs of the agent.
 */
export type Boot = {
  redis: Redis;
  boot: number;
  agent: LateAgent;
  claims: SessionLock;
  ready: Promise<void>;
};

/**
 * Gives the worker its name and has the agent make ready for the turn that comes first, before the
 * rest of the worker is there: Claude Code takes longer to start than all else, and neither waits
 * for the other. When no turn is to be seen, the queues come before the agent. Throws when Redis
 * refuses.
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
        permissions: permissionsOf(remembered.permissions, config.PERMISSIONS),
      };
      await agent.prepare?.(turn);
    };
    const ready = prepare().catch((error: unknown) =>
      log.warn({ err: error }, 'nothing was made ready for the first turn'),
    );
    return { redis, boot, agent, claims, ready };
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}
