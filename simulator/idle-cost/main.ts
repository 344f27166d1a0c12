import { parseArgs } from 'node:util';
import { createLog } from '../../shared/runtime/log.ts';
import { measureIdleCost } from './idle-cost.ts';
import { formatIdleCost, isCheap } from './report.ts';

const help = `Counts the Redis commands of the whole system while it sleeps, for one message, and while it is awake with nothing to do.

  --seconds N        how long is counted while it sleeps (default 60)
  --awake-seconds N  how long is counted while it is awake (default 120); 0 leaves that out
  --help

Exits 1 when a command is sent while it sleeps, or more than 6,000 a day while it is awake.`;

/** A whole number of seconds; undefined for any other text. */
function parseSeconds(text: string): number | undefined {
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      'awake-seconds': { type: 'string', default: '120' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const [seconds, awake] = [parseSeconds(values.seconds), parseSeconds(values['awake-seconds'])];
  if (!seconds || awake === undefined) {
    console.error(`The seconds must be a whole number.\n\n${help}`);
    return 2;
  }
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort()).once('SIGTERM', () => interrupted.abort());
  const awakeSeconds = awake || undefined;
  try {
    const cost = await measureIdleCost({
      seconds,
      awakeSeconds,
      searchPath: process.env['PATH'] ?? '',
      log: createLog('idle-cost', process.env['LOG_LEVEL'] || 'warn'),
      say: (line) => console.log(line),
      signal: interrupted.signal,
    });
    console.log(`\n${formatIdleCost(cost, seconds, awakeSeconds)}`);
    return isCheap(cost) ? 0 : 1;
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
