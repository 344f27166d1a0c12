import { html } from '../frame/html.ts';
import type { Html } from '../frame/html.ts';
import { dollars } from '../frame/format-measures.ts';

/** The spend of a day (`YYYY-MM-DD`), in dollars. */
export type DaySpend = { day: string; costUsd: number };

/** The plot's own units; the page stretches it. */
const [barWidth, step, height, least] = [7, 10, 100, 1.5];

/**
 * A bar for each day, oldest first; the highest bar, or the budget line, fills the plot. A bar says
 * its day and sum on hover and on focus; the plot has a text alternative for screen readers.
 * `budgetUsd` is the part of the month's budget that a day has.
 */
export function spendPlot(days: DaySpend[], isPretend: boolean, budgetUsd?: number): Html {
  const largest = Math.max(...days.map(({ costUsd }) => costUsd), 0);
  const highest = Math.max(largest, budgetUsd ?? 0);
  const total = days.reduce((sum, { costUsd }) => sum + costUsd, 0);
  const bars = days.map(({ day, costUsd }, index) => {
    const size = costUsd > 0 ? Math.max((costUsd / highest) * height, least) : least;
    return html`<g><title>${dayLabel(day)}: ${dollars(costUsd, isPretend)}</title><rect class="hit" x="${index * step}" y="0" width="${step}" height="${height}"/><rect x="${index * step}" y="${round(height - size)}" width="${barWidth}" height="${round(size)}" class="bar${costUsd === 0 && ' none'}"/></g>`;
  });
  const width = days.length * step - (step - barWidth);
  const label = `${dollars(total, isPretend)} in ${days.length} days, at most ${dollars(largest, isPretend)} on one day`;
  const level =
    budgetUsd === undefined ? undefined : round(height - (budgetUsd / highest) * height);
  const line =
    level !== undefined &&
    html`<line x1="0" x2="${width}" y1="${level}" y2="${level}"><title>Budget: ${dollars(budgetUsd ?? 0, isPretend)} a day</title></line>`;
  const [first] = days;
  return html`<div class="plot"><svg viewBox="0 0 ${width} ${height}" preserveAspectRatio="none" role="img" aria-label="${label}">${bars}${line}</svg>
<div class="axis"><span>${first && dayLabel(first.day)}</span><span>${largest > 0 ? `highest day ${dollars(largest, isPretend)}` : 'nothing spent'}</span><span>today</span></div></div>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** `2026-11-23` as `23 Nov`. */
export function dayLabel(day: string): string {
  return new Date(`${day}T00:00:00Z`).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  });
}

/** Horizontal bars with their amounts, the largest first. */
export function amountBars(
  amounts: [name: Html | string, usd: number, about: string][],
  isPretend: boolean,
): Html {
  const highest = Math.max(...amounts.map(([, usd]) => usd), 0.000001);
  return html`<ul class="bars">${amounts.map(
    ([name, usd, about]) =>
      html`<li><span class="whole">${name}</span><span class="num right">${dollars(usd, isPretend)}${about && html` <span class="soft small">${about}</span>`}</span><span class="track"><svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect width="${round((usd / highest) * 100)}" height="4"/></svg></span></li>`,
  )}</ul>`;
}
