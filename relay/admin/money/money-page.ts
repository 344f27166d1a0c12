import type { MeterPrices } from '../../../shared/runtime/prices/message-fees.ts';
import type { ModelUse } from '../../../shared/store/money/spend.ts';
import { adminEmpty } from '../frame/empty.ts';
import { counted, dollars } from '../frame/format-measures.ts';
import { html } from '../frame/html.ts';
import type { Html } from '../frame/html.ts';
import { personLink } from '../frame/layout.ts';
import type { Frame } from '../frame/layout.ts';
import { meterCard } from './meter-card.ts';
import type { Money } from './money.ts';
import { amountBars, dayLabel, spendPlot } from './plot.ts';

/** The money by day, person, model and home, with the month's projection. */
export function moneyPage(money: Money, prices: MeterPrices, frame: Frame): Html {
  const { days, byPerson, byModel, month, today, projectedUsd, replies } = money;
  const { isPretend } = frame;
  const total = days.reduce((sum, { costUsd }) => sum + costUsd, 0);
  const people = sorted(byPerson);
  const models = sorted(byModel);
  const tokens = (use: ModelUse): string =>
    `${(use.input + use.cacheWrite5m + use.cacheWrite1h + use.cacheRead).toLocaleString('en')} in, ${use.output.toLocaleString('en')} out`;
  const rows: [string, string][] = [
    ['Today', dollars(today.costUsd, isPretend)],
    ['This month', dollars(month.costUsd, isPretend)],
    ['The month at this rate', dollars(projectedUsd, isPretend)],
    ...(prices.budgetUsd === undefined
      ? []
      : [
          ['Budget of the month', dollars(prices.budgetUsd + money.grantedUsd, isPretend)] as [
            string,
            string,
          ],
        ]),
    ['Last 30 days', dollars(total, isPretend)],
    ['Requests this month', month.requests.toLocaleString('en')],
    ['Tokens this month', tokens(month)],
    ['From the cache', `${month.cacheRead.toLocaleString('en')} tokens`],
    ...(month.webSearches > 0
      ? [['Web searches', String(month.webSearches)] as [string, string]]
      : []),
    ...(month.unsettled > 0
      ? [
          [
            'Not settled',
            `${counted(month.unsettled, 'request')}, about ${dollars(month.unsettledUsd, isPretend)}`,
          ] as [string, string],
        ]
      : []),
  ];
  return html`<div class="head"><h1>Money</h1><span class="soft small">Claude’s part, by the price table; days are by each person’s clock</span></div>
<section class="card" aria-label="Sums"><dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></section>
${meterCard(money.meters, prices, frame)}
<section class="card"><header><h2>By day</h2><span class="soft small">${dollars(total, isPretend)} in 30 days</span></header>${spendPlot(days, isPretend, dayBudget(money, prices))}${daysTable(money, frame)}</section>
<div class="pair"><section class="card"><header><h2>By person</h2><span class="soft small">this month</span></header>${amountBars(
    people.map(([conversation, use]) => [
      personLink(conversation, frame),
      use.costUsd,
      counted(use.requests, 'request'),
    ]),
    isPretend,
  )}${people.length === 0 && adminEmpty('What each person costs stands here after the first answer of the month.')}</section>
<section class="card"><header><h2>By model</h2><span class="soft small">this month</span></header>${amountBars(
    models.map(([model, use]) => [model, use.costUsd, counted(use.requests, 'request')]),
    isPretend,
  )}${models.length === 0 && adminEmpty('What each model costs stands here after the first answer of the month.')}</section></div>
<div class="pair">${homeCard(money, prices, frame)}
<section class="card"><header><h2>WhatsApp messages sent</h2><span class="soft small">since the beginning</span></header>${
    Object.keys(replies).length === 0
      ? adminEmpty('How many replies were sent, delivered and read stands here.')
      : html`<dl>${['queued', 'sent', 'delivered', 'read', 'parked', 'failed'].flatMap((status) => (replies[status] === undefined ? [] : [html`<dt>${status}</dt><dd>${replies[status]}</dd>`]))}</dl>`
  }</section></div>`;
}

/** What each home has cost this month: what its worker asked of the model, and its time awake. */
function homeCard(
  { byHome, meters }: Money,
  { usdPerHour }: MeterPrices,
  { isPretend }: Frame,
): Html {
  const { vmMs } = meters.month;
  const homes = [...new Set([...byHome.keys(), ...vmMs.keys()])].map(
    (home): [string, number, string] => {
      const { costUsd, requests } = byHome.get(home) ?? { costUsd: 0, requests: 0 };
      const hours = (vmMs.get(home) ?? 0) / 3600_000;
      const about = `${counted(requests, 'request')}, ${hours.toFixed(2)} h awake`;
      return [home, costUsd + hours * (usdPerHour ?? 0), about];
    },
  );
  const parts = usdPerHour === undefined ? 'Claude’s part' : 'Claude and the computer';
  return html`<section class="card"><header><h2>By home</h2><span class="soft small">this month, ${parts}</span></header>${amountBars(
    homes.toSorted(([, a], [, b]) => b - a).slice(0, 50),
    isPretend,
  )}${homes.length === 0 && adminEmpty('What each computer costs stands here once one has been awake.')}</section>`;
}

function sorted(use: ReadonlyMap<string, ModelUse>): [string, ModelUse][] {
  return [...use]
    .filter(([, { costUsd, requests }]) => costUsd > 0 || requests > 0)
    .toSorted(([, a], [, b]) => b.costUsd - a.costUsd)
    .slice(0, 50);
}

/** What the month's budget leaves for a day of it (US dollars); undefined without a budget. */
function dayBudget({ days, grantedUsd }: Money, { budgetUsd }: MeterPrices): number | undefined {
  const [year = 0, month = 0] = (days.at(-1)?.day ?? '').split('-').map(Number);
  const length = new Date(Date.UTC(year, month, 0)).getUTCDate();
  return budgetUsd === undefined ? undefined : (budgetUsd + grantedUsd) / length;
}

/** The same as the plot in numbers, for touch and for screen readers. */
function daysTable({ days }: Money, { isPretend }: Frame): Html {
  const spent = days.filter(({ costUsd }) => costUsd > 0).toReversed();
  return spent.length === 0
    ? html``
    : html`<details><summary class="small">In numbers</summary><dl>${spent.map(({ day, costUsd, answers }) => html`<dt>${dayLabel(day)}</dt><dd>${dollars(costUsd, isPretend)} · ${counted(answers, 'answer')}</dd>`)}</dl></details>`;
}
