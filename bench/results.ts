import type { Section, SectionResult } from './section.ts';

export type Measured = { section: Section; result: SectionResult };

/** A short description of the machine. */
export type Machine = { cores: number; model: string; memoryBytes: number; node: string };

/** All results as a Markdown page. */
export function formatResults(
  measured: Measured[],
  machine: Machine,
  rounds: number,
  date: string,
): string {
  const missed = measured.flatMap(({ result }) => result.rows).filter(({ held }) => held === false);
  const held = measured.flatMap(({ result }) => result.rows).filter((row) => row.held === true);
  return [
    '# Measured',
    '',
    `On ${date}, with Node ${machine.node} on ${machine.cores} cores (${machine.model}), ${Math.round(machine.memoryBytes / 2 ** 30)} GB; ${rounds} rounds, each side in turn. A number is a median with its lowest and highest round; a ratio is the median of`,
    'the ratios within each round. Only ratios can be compared with another machine. Made by `npm run bench`.',
    '',
    `${held.length} targets held, ${missed.length} missed${missed.length === 0 ? '.' : `: ${missed.map(({ what }) => what).join('; ')}.`}`,
    ...measured.flatMap(({ section, result }) => [
      '',
      `## ${section.title}`,
      '',
      section.method,
      '',
      ...formatTable(result),
      ...result.notes.flatMap((note) => ['', note]),
      ...formatPlots(result),
    ]),
    '',
  ].join('\n');
}

function formatTable({ rows }: SectionResult): string[] {
  const cells = rows.map(({ what, ours, peer = '', ratio = '', target = '', held }) => [
    what,
    ours,
    peer,
    ratio,
    target,
    held === undefined ? '' : held ? 'held' : '**missed**',
  ]);
  return [
    '| | ours | floor or peer | ratio | target | |',
    '|---|---|---|---|---|---|',
    ...cells.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`),
  ];
}

function formatPlots({ plots = [] }: SectionResult): string[] {
  return plots.flatMap(({ file, title }) => ['', `![${title}](${file})`]);
}

/** The same for the terminal: a line for each row. */
export function formatLines({ section, result }: Measured): string {
  const lines = result.rows.map(({ what, ours, peer, ratio, target, held }) => {
    const mark = held === undefined ? ' ' : held ? '✓' : '✗';
    return `  ${mark} ${what}: ${[ours, peer && `against ${peer}`, ratio, target && `(${target})`].filter(Boolean).join('  ')}`;
  });
  return [section.title, ...lines].join('\n');
}
