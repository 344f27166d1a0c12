import { existsSync } from 'node:fs';
import { z } from 'zod';
import { WrongUsage, formatWrongUsage } from '../../shared/runtime/command-line.ts';
import { parseEnvironment, variables } from '../../shared/runtime/env.ts';
import { SetupError } from '../../shared/runtime/errors.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { connectRedis } from '../../shared/store/redis/redis.ts';
import { parsePeopleOptions, peopleHelp } from './options.ts';
import { runPeopleCommand } from './restore-command.ts';

if (existsSync('.env')) process.loadEnvFile('.env');

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
    await runPeopleCommand(options, {
      redis,
      placement: PLACEMENT,
      say: (line) => console.log(line),
    }).finally(() => redis.disconnect());
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
