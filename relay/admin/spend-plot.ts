import { Html, html } from './html.ts';
import { dollars } from './format-measures.ts';

/** The spend of a day (`YYYY-MM-DD`), in dollars. */
export type DaySpend = { day: string; costUsd: number };

/** The plot's own units; the page stretches it. */
const [barWidth, step, height, least] = [7, 10, 100, 1.5];

/**
 * A bar for each day, oldest first; the highest bar fills the plot. Each bar shows its day and sum
 * on hover; the plot has a text alternative for screen readers.
 */
export function spendPlot(days: DaySpend[], isPretend: boolean): Html {
  const highest = Math.max(...days.map(({ costUsd }) => costUsd), 0);
  const total = days.reduce((sum, { costUsd }) => sum + costUsd, 0);
  const bars = days.map(({ day, costUsd }, index) => {
    const size = costUsd > 0 ? Math.max((costUsd / highest) * height, least) : least;
    return html`<rect x="${index * step}" y="${round(height - size)}" width="${barWidth}" height="${round(size)}"${costUsd === 0 && new Html(' class="none"')}><title>${dayWords(day)}: ${dollars(costUsd, isPretend)}</title></rect>`;
  });
  const label = `${dollars(total, isPretend)} in ${days.length} days, at most ${dollars(highest, isPretend)} on one day`;
  const [first, last] = [days[0], days.at(-1)];
  return html`<div class="plot"><svg viewBox="0 0 ${days.length * step - (step - barWidth)} ${height}" preserveAspectRatio="none" role="img" aria-label="${label}">${bars}</svg>
<div class="axis"><span>${first && dayWords(first.day)}</span><span>${highest > 0 ? `highest day ${dollars(highest, isPretend)}` : 'nothing spent'}</span><span>${last && 'today'}</span></div></div>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** `2026-11-23` as `23 Nov`. */
function dayWords(day: string): string {
  return new Date(`${day}T00:00:00Z`).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  });
}
