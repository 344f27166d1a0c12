import { total } from '../../shared/store/money/spend.ts';
import type { ModelUse, Spending, Spent } from '../../shared/store/money/spend.ts';

export type CostReport = {
  conversation: string;
  day: string;
  today: Spending;
  month: Spending;
  unsettled: Pick<ModelUse, 'unsettled' | 'unsettledUsd'>;
  isPretend: boolean;
};

/** How many conversations are listed one by one. */
const shown = 8;

/**
 * The answer to `/cost`: today's and this month's dollars per conversation, and the tokens.
 * `conversation` is the asking one; others are shown by their last four digits only. `day` is the
 * asker's day, `YYYY-MM-DD`. `unsettled` are this month's requests whose full cost never became
 * known.
 */
export function costWords(report: CostReport): string {
  const { conversation, day, today, month, unsettled, isPretend } = report;
  const money = (usd: number): string => dollars(usd, isPretend);
  const amount = ({ costUsd, answers }: Spent): string =>
    `${money(costUsd)} (${count(answers)} ${answers === 1 ? 'answer' : 'answers'})`;
  const [ofDay, ofMonth] = [total(today), total(month)];
  if (ofMonth.answers === 0 && ofMonth.costUsd === 0 && unsettled.unsettled === 0)
    return 'Nothing has been spent this month.';
  const lines = [`Today: ${amount(ofDay)}`, `${monthName(day)}: ${amount(ofMonth)}`];
  const others = [...month]
    .filter(([who]) => who !== conversation)
    .toSorted(([, a], [, b]) => b.costUsd - a.costUsd);
  if (others.length > 0) {
    const rest = others.slice(shown).map(([, spent]) => spent);
    const share = (who: string, ofDay: number, ofMonth: number): string =>
      `${who}: ${money(ofDay)} today, ${money(ofMonth)} this month`;
    lines.push(
      '',
      share('You', today.get(conversation)?.costUsd ?? 0, month.get(conversation)?.costUsd ?? 0),
    );
    for (const [who, spent] of others.slice(0, shown))
      lines.push(share(`…${who.slice(-4)}`, today.get(who)?.costUsd ?? 0, spent.costUsd));
    if (rest.length > 0)
      lines.push(
        `${rest.length} more: ${money(rest.reduce((sum, spent) => sum + spent.costUsd, 0))} this month`,
      );
  }
  lines.push(
    '',
    `Tokens this month: ${count(ofMonth.inputTokens)} read, ${count(ofMonth.outputTokens)} written.`,
  );
  const { unsettled: requests, unsettledUsd } = unsettled;
  if (requests > 0)
    lines.push(
      `Not settled: ${count(requests)} broken-off ${requests === 1 ? 'request' : 'requests'}, perhaps ${money(unsettledUsd)} more.`,
    );
  lines.push(
    isPretend
      ? 'This is what the real model would cost, by a rough guess. Nothing has been paid.'
      : 'These are estimates by the list prices. Work that was stopped or failed is counted, too.',
  );
  return lines.join('\n');
}

/**
 * Formats `$1,234.50`, or `pretend $1,234.50`; an amount that would round to zero is shown as
 * small.
 */
export function dollars(usd: number, isPretend: boolean): string {
  if (isPretend) return `pretend ${dollars(usd, false)}`;
  if (usd > 0 && usd < 0.005) return 'under $0.01';
  return `$${usd.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

function count(number: number): string {
  return number.toLocaleString('en-US');
}

function monthName(day: string): string {
  return new Intl.DateTimeFormat('en', { timeZone: 'UTC', month: 'long' }).format(
    Date.parse(`${day}T00:00:00Z`),
  );
}
