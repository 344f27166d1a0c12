import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { WrongUsage, formatWrongUsage } from '../../shared/runtime/command-line.ts';
import { parseEnvironment, variables } from '../../shared/runtime/env.ts';
import { SetupError, reportError } from '../../shared/runtime/errors.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import { parsePeopleOptions, peopleHelp } from './options.ts';
import { runPeopleCommand } from './restore-command.ts';

if (existsSync('.env')) process.loadEnvFile('.env');

/** How long connecting to Redis may take (ms); later outages are waited for. */
const patienceMs = 15_000;

/** Throws SetupError when Redis is not there: a command that waits in silence explains nothing. */
async function untilReached(redis: Redis): Promise<void> {
  const late = AbortSignal.timeout(patienceMs);
  await once(redis, 'ready', { signal: late }).catch((error: unknown) => {
    const reason = late.aborted ? 'it does not answer' : reportError(error).message;
    throw new SetupError(
      `Redis was not reached: ${reason}. Start it, or correct REDIS_URL; “npm run doctor” says more.`,
      { cause: error },
    );
  });
}

try {
  const options = parsePeopleOptions(process.argv.slice(2));
  if (options === 'help') console.log(peopleHelp);
  else {
    const { REDIS_URL, PLACEMENT } = parseEnvironment(
      z.object({
        REDIS_URL: variables.REDIS_URL,
        PLACEMENT: variables.PLACEMENT.default('shared'),
      }),
      process.env,
    );
    const redis = connectRedis(REDIS_URL, 'patient', createLog('people', 'silent'));
    try {
      await untilReached(redis);
      await runPeopleCommand(options, {
        redis,
        placement: PLACEMENT,
        say: (line) => console.log(line),
      });
    } finally {
      redis.disconnect();
    }
  }
} catch (error) {
  if (error instanceof WrongUsage) {
    console.error(formatWrongUsage(error, 'npm run people'));
    process.exitCode = 2;
  } else if (error instanceof SetupError) {
    console.error(error.message);
    process.exitCode = 1;
  } else throw error;
}
