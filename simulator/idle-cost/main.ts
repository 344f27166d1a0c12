import { WrongUsage, formatWrongUsage, readArguments } from '../../shared/runtime/command-line.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { measureIdleCost } from './idle-cost.ts';
import { formatIdleCost, isCheap } from './report.ts';

const help = `Counts the Redis commands of the whole system while it sleeps, for one message, and while it is awake with nothing to do.

  npm run idle-cost -- [--seconds 60] [--awake-seconds 120]

  --seconds N        how long is counted while it sleeps (default 60)
  --awake-seconds N  how long is counted while it is awake (default 120); 0 leaves that out
  --help             show this

Exit codes: 0 few enough, 1 a command is sent while it sleeps or more than 6,000 a day while it is awake, 2 wrong usage,
130 interrupted.`;

/** A whole number of seconds; undefined for any other text. */
function parseSeconds(text: string): number | undefined {
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

async function main(): Promise<number> {
  const { values } = readArguments(process.argv.slice(2), {
    seconds: { type: 'string', default: '60' },
    'awake-seconds': { type: 'string', default: '120' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const [seconds, awake] = [parseSeconds(values.seconds), parseSeconds(values['awake-seconds'])];
  if (!seconds || awake === undefined) throw new WrongUsage('The seconds must be a whole number.');
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
  const isUsage = error instanceof WrongUsage;
  if (isUsage) console.error(formatWrongUsage(error, 'npm run idle-cost'));
  else console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = isUsage ? 2 : 1;
}
