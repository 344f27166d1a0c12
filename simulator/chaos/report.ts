import type { ChaosResult } from './chaos.ts';
import { isBalanced } from './account.ts';
import { kindsOf } from './plan.ts';
import type { Offence } from './verdict.ts';

/**
 * Whether the promise held: nothing lost, doubled or out of order, no message refused for good,
 * nothing stuck, no file missing that a snapshot has, and the model's bill accounted for.
 */
export function isClean({
  verdict,
  files,
  account,
  stuck,
  afterRemoval,
  kills,
}: ChaosResult): boolean {
  return (
    isBalanced(account, kills.done['redis-restored'] !== undefined) &&
    verdict.lost.length +
      verdict.doubled.length +
      verdict.outOfOrder.length +
      verdict.notAccepted +
      (files?.missing.length ?? 0) +
      stuck.length +
      afterRemoval.length ===
      0
  );
}

/** The result as a table, and below it each message that broke the promise. */
export function formatReport(result: ChaosResult): string {
  const { verdict, files, account, kills } = result;
  const rows: [string, string | number][] = [
    ['accepted', verdict.accepted],
    ['answered', verdict.answered],
    ['failed with a sentence', verdict.failed],
    ['undelivered, untold', verdict.undeliveredUntold.length],
    ['never accepted', verdict.notAccepted],
    ['lost', verdict.lost.length],
    ['doubled', verdict.doubled.length],
    ['out of order', verdict.outOfOrder.length],
    ...(files
      ? ([
          ['files missing', files.missing.length],
          ['  newer than the snapshot', files.older.length],
          ['people moved', files.moves],
          ['homes restored', files.restores],
        ] satisfies [string, number][])
      : []),
    ['sent to a removed person', result.afterRemoval.length],
    ['kills', Object.values(kills.done).reduce((sum, count) => sum + count, 0)],
    ...kindsOf(files ? 2 : 1).map((kind): [string, string] => [
      `  ${kind}`,
      `${kills.done[kind] ?? 0}${kills.missed[kind] ? ` (${kills.missed[kind]} missed)` : ''}`,
    ]),
    ['requests billed', account.billed],
    ['  counted', account.counted],
    ['  not settled', account.unsettled],
    ['tokens billed', account.billedTokens],
    ['  counted', account.countedTokens],
    ['restarts', result.restarts],
    ['deaths without a cause', result.ownDeaths],
    ['longest silence', `${(verdict.longestSilenceMs / 1000).toFixed(1)} s`],
    ['took', `${result.seconds} s`],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return [
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    ...formatOffences('Lost', verdict.lost),
    ...formatOffences('Doubled', verdict.doubled),
    ...formatOffences('Out of order', verdict.outOfOrder),
    ...formatOffences('Files missing', files?.missing ?? []),
    ...formatOffences('Undelivered, untold', verdict.undeliveredUntold),
    ...(result.stuck.length > 0 ? ['', 'Stuck:', ...result.stuck.map((line) => `  ${line}`)] : []),
  ].join('\n');
}

function formatOffences(title: string, offences: Offence[]): string[] {
  if (offences.length === 0) return [];
  return [
    '',
    `${title}:`,
    ...offences.map(
      ({ label, conversation, sid, why }) => `  ${label} (${conversation}, ${sid}): ${why}`,
    ),
  ];
}
