/**
 * A process that forgets a person, for crash tests: TEST_YES is the yes as JSON, and TEST_KILL_AT
 * the moment (`STEP before` or `STEP after`) at which the process kills itself. Otherwise it prints
 * what became of each step, as JSON.
 */
import { createLog } from '../../shared/runtime/log.ts';
import { createQueues } from '../../shared/store/all-queues.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import { createStores } from '../../shared/store/stores.ts';
import type { ForgetYes } from '../../worker/forget/forget.ts';
import { createTestForgetting } from './forgetting.ts';

const environment = Object.fromEntries(
  Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  ),
) as Record<string, string>;
const log = createLog('forget', 'silent');
const redis = connectRedis(environment['REDIS_URL'] ?? '', 'patient', log);
const stores = createStores(redis, createQueues(redis, {}), { days: 30, log });
const yes = JSON.parse(environment['TEST_YES'] ?? '') as ForgetYes;
const outcomes = await createTestForgetting({ redis, stores, environment, log }, (step, moment) => {
  if (environment['TEST_KILL_AT'] === `${step} ${moment}`) process.kill(process.pid, 'SIGKILL');
}).run(yes);
process.stdout.write(JSON.stringify([...(outcomes ?? [])]));
await stores.close();
redis.disconnect();
