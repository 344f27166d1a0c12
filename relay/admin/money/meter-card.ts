import {
  areUsual,
  feesDate,
  feesOf,
  messageKinds,
} from '../../../shared/runtime/prices/message-fees.ts';
import type { MeterPrices } from '../../../shared/runtime/prices/message-fees.ts';
import type { MeterSums } from '../../../shared/store/money/meters.ts';
import { counted, dollars } from '../frame/format-measures.ts';
import { html } from '../frame/html.ts';
import type { Html } from '../frame/html.ts';
import type { Frame } from '../frame/layout.ts';
import type { Money } from './money.ts';

/** What WhatsApp, the computers and Redis have counted, today and this month, and what it costs. */
export function meterCard(
  { today, month }: Money['meters'],
  { fees, usdPerHour, idleUsd }: MeterPrices,
  { isPretend }: Frame,
): Html {
  const price = (of: MeterSums): string => {
    const { twilioUsd, metaUsd } = feesOf(of.messages, fees);
    const meta = metaUsd > 0 ? `, ${dollars(metaUsd, isPretend)} to Meta` : '';
    return `${dollars(twilioUsd, isPretend)} to Twilio${meta}`;
  };
  const of = (kind: (typeof messageKinds)[number]): [string, Html][] =>
    month.messages[kind] === 0 && today.messages[kind] === 0
      ? []
      : [[kindWords[kind], both(today.messages[kind], month.messages[kind])]];
  const awake = (ms: number): string =>
    `${(ms / 3600_000).toFixed(2)} h${usdPerHour === undefined ? '' : `, ${dollars((ms / 3600_000) * usdPerHour, isPretend)}`}`;
  const rows: [string, string | Html][] = [
    ...messageKinds.flatMap(of),
    ...(month.unsettled.messages > 0
      ? [
          ['Messages, not settled', `up to ${counted(month.unsettled.messages, 'message')}`] as [
            string,
            string,
          ],
        ]
      : []),
    ['Fees today', price(today)],
    ['Fees this month', price(month)],
    ...[...month.vmMs].map(([home, ms]): [string, Html] => [
      `Awake: ${home}`,
      todayAndMonth(awake(today.vmMs.get(home) ?? 0), awake(ms)),
    ]),
    ...(month.commands === undefined
      ? []
      : [['Redis commands', both(today.commands ?? 0, month.commands)] as [string, Html]]),
    ...(month.unsettled.vmMs > 0
      ? [['Awake, not settled', awake(month.unsettled.vmMs)] as [string, string]]
      : []),
    ...(month.unsettled.commandGaps > 0
      ? [
          ['Redis, not settled', `around ${counted(month.unsettled.commandGaps, 'restart')}`] as [
            string,
            string,
          ],
        ]
      : []),
    ...(idleUsd === undefined
      ? []
      : [['A month without use', dollars(idleUsd, isPretend)] as [string, string]]),
  ];
  const source = areUsual(fees) ? `fees of ${feesDate}, Meta’s assumed` : 'fees by MESSAGE_FEES';
  return html`<section class="card" aria-label="Meters"><header><h2>Messages, computers, Redis</h2><span class="soft small">${source}; days are UTC</span></header><dl>${rows.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></section>`;
}

const kindWords = {
  received: 'Messages received',
  text: 'Texts sent',
  file: 'Files sent',
  buttons: 'Buttons sent',
  template: 'Templates sent',
} as const;

function both(today: number, month: number): Html {
  return todayAndMonth(today.toLocaleString('en'), month.toLocaleString('en'));
}

/** Two amounts, each of which stays on its line. */
function todayAndMonth(today: string, month: string): Html {
  return html`<span class="nowrap">${today} today,</span> <span class="nowrap">${month} this month</span>`;
}
