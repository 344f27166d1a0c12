import { WrongUsage, formatWrongUsage, readArguments } from '../../shared/runtime/command-line.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { formatWakeTime } from './report.ts';
import { measureWakeTime } from './wake-time.ts';

const help = `Measures the time from a webhook to the model's first request, with the worker not running (cold) and running (warm).

  npm run wake-time -- [--rounds 5]

  --rounds N  how many messages of each (default 5)
  --help      show this

Exit codes: 0 measured, 1 failed, 2 wrong usage, 130 interrupted.`;

async function main(): Promise<number> {
  const { values } = readArguments(process.argv.slice(2), {
    rounds: { type: 'string', default: '5' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  if (!/^[1-9]\d{0,3}$/.test(values.rounds))
    throw new WrongUsage('The rounds must be a whole number.');
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
  const isUsage = error instanceof WrongUsage;
  if (isUsage) console.error(formatWrongUsage(error, 'npm run wake-time'));
  else console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = isUsage ? 2 : 1;
}
