import type { Counted } from './command-count.ts';
import type { IdleCost } from './idle-cost.ts';

/** The most commands that an idle worker may send a day while it is awake. */
export const mostPerDay = 6000;

/** The result as a table for the terminal. */
export function formatIdleCost(
  { asleep, coldMessage, awake }: IdleCost,
  seconds: number,
  awakeSeconds: number | undefined,
): string {
  const lines: [string, string][] = [
    [`asleep, ${seconds} s`, `${list(asleep)}   (expected: 0)`],
    ['one message: wake, answer, sleep', list(coldMessage)],
  ];
  if (awake) {
    lines.push(['one message while awake', list(awake.message)]);
    lines.push([`awake with nothing to do, ${awakeSeconds} s`, list(awake.idle)]);
    lines.push([
      '… a day, with BullMQ’s slow polls',
      `${awake.perDay.toLocaleString('en')}   (at most ${mostPerDay.toLocaleString('en')})`,
    ]);
  }
  const width = Math.max(...lines.map(([what]) => what.length));
  return [
    'Redis commands, as clients send them',
    ...lines.map(([what, count]) => `  ${what.padEnd(width)}  ${count}`),
  ].join('\n');
}

/** Whether the system meets its limits. */
export function isCheap({ asleep, awake }: IdleCost): boolean {
  return asleep.total === 0 && (awake === undefined || awake.perDay <= mostPerDay);
}

function list({ total, commands }: Counted): string {
  return total === 0
    ? '0'
    : `${total}: ${commands.map(([name, count]) => `${name} ${count}`).join(', ')}`;
}
