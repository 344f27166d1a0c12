import { feesOf } from '../../shared/runtime/prices/message-fees.ts';
import type { MeterPrices } from '../../shared/runtime/prices/message-fees.ts';
import type { MeterSums } from '../../shared/store/money/meters.ts';
import { total } from '../../shared/store/money/spend.ts';
import type { ModelUse, Spending, Spent } from '../../shared/store/money/spend.ts';

export type CostReport = {
  conversation: string;
  day: string;
  today: Spending;
  month: Spending;
  unsettled: Pick<ModelUse, 'unsettled' | 'unsettledUsd'>;
  isPretend: boolean;
  meters: { today: MeterSums; month: MeterSums };
  prices: MeterPrices;
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
  const { conversation, day, today, month, unsettled, isPretend, meters, prices } = report;
  const money = (usd: number): string => dollars(usd, isPretend);
  const amount = ({ costUsd, answers }: Spent): string =>
    `${money(costUsd)} (${count(answers)} ${answers === 1 ? 'answer' : 'answers'})`;
  const [ofDay, ofMonth] = [total(today), total(month)];
  if (ofMonth.answers === 0 && ofMonth.costUsd === 0 && unsettled.unsettled === 0)
    return [
      'Claude has cost nothing this month.',
      '',
      ...meterLines(meters, prices, isPretend),
    ].join('\n');
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
  lines.push('', ...meterLines(meters, prices, isPretend), '');
  lines.push(
    isPretend
      ? 'This is what the real model would cost, by a rough guess. Nothing has been paid.'
      : 'These are estimates by the list prices. Work that was stopped or failed is counted, too.',
  );
  return lines.join('\n');
}

/** Messages, the computer's time and Redis: today and this month (UTC). */
function meterLines(
  { today, month }: CostReport['meters'],
  { fees, usdPerHour, idleUsd }: MeterPrices,
  isPretend: boolean,
): string[] {
  const sent = ({ messages: { text, file, buttons, template } }: MeterSums): number =>
    text + file + buttons + template;
  const messages = (of: MeterSums): string => {
    const { twilioUsd, metaUsd } = feesOf(of.messages, fees);
    const meta = metaUsd > 0 ? ` and ${dollars(metaUsd, isPretend)} to Meta` : '';
    return `${count(of.messages.received)} in and ${count(sent(of))} out, ${dollars(twilioUsd, isPretend)} to Twilio${meta}`;
  };
  const hours = ({ vmMs }: MeterSums): number =>
    [...vmMs.values()].reduce((sum, ms) => sum + ms, 0) / 3600_000;
  const awake = (of: MeterSums): string =>
    `${hours(of).toFixed(1)} h${usdPerHour === undefined ? '' : `, ${dollars(hours(of) * usdPerHour, isPretend)}`}`;
  const lines = [
    `Messages today: ${messages(today)}.`,
    `Messages this month: ${messages(month)}.`,
    `Computer awake: ${awake(today)} today, ${awake(month)} this month.`,
  ];
  if (month.commands !== undefined)
    lines.push(
      `Redis commands: ${count(today.commands ?? 0)} today, ${count(month.commands)} this month.`,
    );
  const { vmMs, commandGaps, messages: repeated } = month.unsettled;
  if (repeated > 0)
    lines.push(
      `Not settled: up to ${count(repeated)} more ${repeated === 1 ? 'message' : 'messages'}, sent again after a break.`,
    );
  if (vmMs > 0)
    lines.push(
      `Not settled: up to ${Math.ceil(vmMs / 60_000)} min more, before the computer was cut off.`,
    );
  if (commandGaps > 0)
    lines.push(
      `Not settled: Redis’s commands around ${commandGaps === 1 ? 'a restart' : `${commandGaps} restarts`} of it.`,
    );
  if (idleUsd !== undefined)
    lines.push(`A month without any use costs ${dollars(idleUsd, isPretend)}.`);
  return lines;
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
