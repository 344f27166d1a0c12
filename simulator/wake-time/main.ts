import { parseArgs } from 'node:util';
import { createLog } from '../../shared/runtime/log.ts';
import { formatWakeTime } from './report.ts';
import { measureWakeTime } from './wake-time.ts';

const help = `Measures the time from a webhook to the model's first request, with the worker not running (cold) and running (warm).

  --rounds N  how many messages of each (default 5)
  --help`;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '5' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (!/^[1-9]\d{0,3}$/.test(values.rounds)) {
    console.error(`The rounds must be a whole number.\n\n${help}`);
    return 2;
  }
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort()).once('SIGTERM', () => interrupted.abort());
  try {
    const times = await measureWakeTime({
      rounds: Number(values.rounds),
      searchPath: process.env['PATH'] ?? '',
      log: createLog('wake-time', process.env['LOG_LEVEL'] || 'warn'),
      say: (line) => console.log(line),
      signal: interrupted.signal,
    });
    console.log(`\n${formatWakeTime(times)}`);
    return 0;
  } catch (error) {
    if (interrupted.signal.aborted) return 130;
    throw error;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = error instanceof TypeError ? 2 : 1;
}
