import { mkdir, writeFile } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import path from 'node:path';
import { WrongUsage, formatWrongUsage, readArguments } from '../shared/runtime/command-line.ts';
import { createLog } from '../shared/runtime/log.ts';
import { drawPlot } from './plot.ts';
import { formatLines, formatResults } from './results.ts';
import type { Measured } from './results.ts';
import { sections } from './sections.ts';

const help = `Measures the system next to its floors and peers, in the same run and in turn, and writes bench/results.md with its plots.

  npm run bench -- [--quick] [--only a,b] [--rounds 5]

  --quick        a look in under a minute; writes nothing
  --only a,b     these parts only (${sections.map(({ name }) => name).join(', ')}); writes nothing
  --rounds N     how often each side is measured (default 5; quick 1)
  --help         show this

Exit codes: 0 measured, 1 a target is missed, 2 wrong usage, 130 interrupted.`;

async function main(): Promise<number> {
  const { values } = readArguments(process.argv.slice(2), {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) {
    console.log(help);
    return 0;
  }
  const { quick } = values;
  const rounds = values.rounds ?? (quick ? '1' : '5');
  if (!/^[1-9]\d?$/.test(rounds))
    throw new WrongUsage('The rounds must be a whole number from 1 to 99.');
  const names = values.only?.split(',').map((name) => name.trim());
  const unknown = names?.find((name) => !sections.some((section) => section.name === name));
  if (unknown !== undefined) throw new WrongUsage(`There is no part “${unknown}”.`);
  const wanted = sections.filter(({ name }) => names?.includes(name) ?? true);

  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort()).once('SIGTERM', () => interrupted.abort());
  const options = {
    quick,
    rounds: Number(rounds),
    searchPath: process.env['PATH'] ?? '',
    log: createLog('bench', process.env['LOG_LEVEL'] || 'error'),
    say: (line: string) => console.log(`    ${line}`),
    signal: interrupted.signal,
  };
  const measured: Measured[] = [];
  try {
    for (const section of wanted) {
      console.log(`${section.title} …`);
      measured.push({ section, result: await section.run(options) });
    }
  } catch (error) {
    if (interrupted.signal.aborted) return 130;
    throw error;
  }
  console.log(`\n${measured.map(formatLines).join('\n\n')}`);
  if (!quick && names === undefined) await write(measured, options.rounds);
  return measured.some(({ result }) => result.rows.some(({ held }) => held === false)) ? 1 : 0;
}

/** Writes the page and its plots next to this program. */
async function write(measured: Measured[], rounds: number): Promise<void> {
  const directory = import.meta.dirname;
  await mkdir(directory, { recursive: true });
  const machine = {
    cores: cpus().length,
    model: cpus()[0]?.model ?? 'unknown',
    memoryBytes: totalmem(),
    node: process.versions.node,
  };
  await writeFile(
    path.join(directory, 'results.md'),
    formatResults(measured, machine, rounds, new Date().toISOString().slice(0, 10)),
  );
  for (const plot of measured.flatMap(({ result }) => result.plots ?? []))
    await writeFile(path.join(directory, plot.file), drawPlot(plot));
  console.log(`\nWritten to ${path.relative(process.cwd(), path.join(directory, 'results.md'))}`);
}

try {
  process.exitCode = await main();
} catch (error) {
  const isUsage = error instanceof WrongUsage;
  if (isUsage) console.error(formatWrongUsage(error, 'npm run bench'));
  else console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = isUsage ? 2 : 1;
}
