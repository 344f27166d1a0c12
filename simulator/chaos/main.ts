import { writeFile } from 'node:fs/promises';
import { WrongUsage, formatWrongUsage } from '../../shared/runtime/command-line.ts';
import { createLog } from '../../shared/runtime/log.ts';
import { runChaos } from './chaos.ts';
import { chaosHelp, parseChaosOptions } from './options.ts';
import type { ChaosOptions } from './options.ts';
import { formatReport, isClean } from './report.ts';

const log = createLog('chaos', process.env['LOG_LEVEL'] || 'warn');
const interrupted = new AbortController();

/** The first signal ends the run and cleans up; a second one exits at once. */
function onSignal(): void {
  if (interrupted.signal.aborted) process.exit(130);
  console.error('Stopping …');
  interrupted.abort();
}

async function main(options: ChaosOptions): Promise<number> {
  const result = await runChaos({
    ...options,
    searchPath: process.env['PATH'] ?? '',
    log,
    say: (line) => console.log(line),
    signal: interrupted.signal,
  });
  console.log(formatReport(result));
  if (options.json)
    await writeFile(options.json, `${JSON.stringify({ options, ...result }, null, 2)}\n`);
  if (interrupted.signal.aborted) return 130;
  return isClean(result) ? 0 : 1;
}

process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
try {
  const options = parseChaosOptions(process.argv.slice(2));
  if (options === 'help') console.log(chaosHelp);
  else process.exitCode = await main(options);
} catch (error) {
  if (error instanceof WrongUsage) {
    console.error(formatWrongUsage(error, 'npm run chaos'));
    process.exitCode = 2;
  } else if (interrupted.signal.aborted) {
    process.exitCode = 130;
  } else {
    throw error;
  }
}
