import type { Log } from '../../shared/runtime/log.ts';
import { beginEpoch } from '../../shared/store/redis/epoch.ts';
import { createPeopleStore } from '../../shared/store/people.ts';
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
import { createHidden } from '../secrets/hidden.ts';
import type { Hidden } from '../secrets/hidden.ts';
import { hideSecrets } from '../secrets/hide-secrets.ts';
import { createPersonOf } from '../secrets/person-of.ts';
import type { PersonOf } from '../secrets/person-of.ts';
import { createSecrets } from '../secrets/secrets.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { createSessionLock } from './session-lock.ts';
import type { SessionLock } from './session-lock.ts';
import { workspaceOf } from '../workspace.ts';

/**
 * Creates the agent once the worker has its name, `WORKER_ID#boot`. `redis` is the worker's own
 * connection; `secretsOf` are those of a conversation's person, for their commands.
 */
export type CreateAgent = (owner: string, redis: Redis, secretsOf: SecretsOf) => Promise<Agent>;
export type SecretsOf = (conversation: string) => Promise<Record<string, string>>;

/**
 * The parts that exist first: connection, name, and the agent, which is already created if a turn
 * waits for it. `ready` settles when everything that this turn needs of the agent is under way.
 */
export type Boot = {
  redis: Redis;
  boot: number;
  agent: LateAgent;
  claims: SessionLock;
  secrets: Secrets;
  personOf: PersonOf;
  ready: Promise<void>;
};

/**
 * Numbers the worker's boot and has the agent prepare the first turn before the rest of the worker
 * exists: Claude Code takes longer to start than everything else, so both start in parallel.
 * Without a waiting turn, the queues come before the agent. `hidden` learns what is blanked in the
 * log. Throws when Redis refuses.
 */
export async function bootWorker(
  config: WorkerConfig,
  createAgent: CreateAgent,
  log: Log,
  hidden: Hidden = createHidden(),
): Promise<Boot> {
  const redis = connectRedis(config.REDIS_URL, 'patient', log);
  try {
    const [boot, coming] = await Promise.all([
      countBoot(redis, config.WORKER_ID),
      readComing(redis),
      beginEpoch(redis),
    ]);
    const owner = ownerOf(config.WORKER_ID, boot);
    const secrets = createSecrets({ dataDir: config.DATA_DIR, hidden });
    const personOf = createPersonOf(createPeopleStore(redis), secrets);
    const secretsOf: SecretsOf = async (conversation) =>
      secrets.values(await personOf(conversation));
    const agent = createLateAgent(async () =>
      hideSecrets(await createAgent(owner, redis, secretsOf), secrets, personOf, log),
    );
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
    return { redis, boot, agent, claims, secrets, personOf, ready };
  } catch (error) {
    redis.disconnect();
    throw error;
  }
}
