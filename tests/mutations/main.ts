import path from 'node:path';
import { WrongUsage, formatWrongUsage } from '../../shared/runtime/command-line.ts';
import { mutations } from './list/list.ts';
import { describe, runMutations } from './mutations.ts';
import { choose, mutationsHelp, parseMutationOptions } from './options.ts';
import type { MutationOptions } from './options.ts';

const interrupted = new AbortController();

/** The first signal ends what runs and removes the copy; a second one exits at once. */
function onSignal(): void {
  if (interrupted.signal.aborted) process.exit(130);
  console.error('Stopping …');
  interrupted.abort();
}

async function main({ only, isList, isVerbose }: MutationOptions): Promise<number> {
  const chosen = choose(mutations, only);
  if (isList) {
    for (const mutation of chosen)
      console.log(
        `${describe(mutation)}, ${mutation.test}${mutation.why === undefined ? '' : `, explained: ${mutation.why}`}`,
      );
    return 0;
  }
  const root = path.join(import.meta.dirname, '..', '..');
  const fates = await runMutations({
    root,
    mutations: chosen,
    isVerbose,
    searchPath: process.env['PATH'] ?? '',
    say: (line) => console.log(line),
    signal: interrupted.signal,
  });
  console.log(
    `\n${chosen.length} mutations: ${Object.entries(fates)
      .map(([fate, count]) => `${count} ${fate}`)
      .join(', ')}`,
  );
  if (interrupted.signal.aborted) return 130;
  return fates.survived + fates.wrong === 0 ? 0 : 1;
}

process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
try {
  const options = parseMutationOptions(process.argv.slice(2));
  if (options === 'help') console.log(mutationsHelp);
  else process.exitCode = await main(options);
} catch (error) {
  if (!(error instanceof WrongUsage)) throw error;
  console.error(formatWrongUsage(error, 'npm run mutations'));
  process.exitCode = 2;
}
