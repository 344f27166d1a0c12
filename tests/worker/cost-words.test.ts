import { expect, test } from 'vitest';
import type { Spent } from '../../shared/store/money/spend.ts';
import { usualFees } from '../../shared/runtime/prices/message-fees.ts';
import type { MeterPrices } from '../../shared/runtime/prices/message-fees.ts';
import type { MeterSums } from '../../shared/store/money/meters.ts';
import { costWords, dollars } from '../../worker/commands/format-cost.ts';

const me = '+15551230001';
const spent = (costUsd: number, answers = 1): Spent => ({
  costUsd,
  inputTokens: 10_000,
  outputTokens: 500,
  answers,
});
/** What the meters say. */
const counted = (change: Partial<MeterSums> = {}): MeterSums => ({
  messages: { received: 0, text: 0, file: 0, buttons: 0, template: 0 },
  vmMs: new Map(),
  commands: undefined,
  unsettled: { vmMs: 0, commandGaps: 0, messages: 0 },
  ...change,
});
const prices: MeterPrices = {
  fees: usualFees,
  usdPerHour: undefined,
  idleUsd: undefined,
  budgetUsd: undefined,
};
const idle = [
  'Messages today: 0 in and 0 out, $0.00 to Twilio.',
  'Messages this month: 0 in and 0 out, $0.00 to Twilio.',
  'Computer awake: 0.0 h today, 0.0 h this month.',
];
const words = (
  today: [string, Spent][],
  month: [string, Spent][],
  unsettled = { unsettled: 0, unsettledUsd: 0 },
  isPretend = false,
) =>
  costWords({
    conversation: me,
    day: '2026-11-23',
    today: new Map(today),
    month: new Map(month),
    unsettled,
    isPretend,
    meters: { today: counted(), month: counted() },
    prices,
  });

test('one who is alone hears of today and the month', () => {
  expect(words([[me, spent(0.421)]], [[me, spent(1234.5, 1200)]])).toBe(
    [
      'Today: $0.42 (1 answer)',
      'November: $1,234.50 (1,200 answers)',
      '',
      'Tokens this month: 10,000 read, 500 written.',
      '',
      ...idle,
      '',
      'These are estimates by the list prices. Work that was stopped or failed is counted, too.',
    ].join('\n'),
  );
});

test('of others only the end of the number is shown, the dearest first, and not without end', () => {
  const others = Array.from({ length: 11 }, (_, index): [string, Spent] => [
    `+1555999${String(1000 + index)}`,
    spent(index + 1),
  ]);
  const text = words([others[10] ?? ['', spent(0)]], [...others, [me, spent(0.5)]]);
  expect(text.split('\n').slice(3, 6)).toEqual([
    'You: $0.00 today, $0.50 this month',
    '…1010: $11.00 today, $11.00 this month',
    '…1009: $0.00 today, $10.00 this month',
  ]);
  expect(text).toContain('3 more: $6.00 this month');
  expect(text).not.toContain('+1555');
  expect(text.length).toBeLessThan(1600);
});

test('one who has spent nothing among others is named too, and a month without a cent is said to be one', () => {
  expect(words([], [['+15559999999', spent(1)]])).toContain('You: $0.00 today, $0.00 this month');
  expect(words([], [])).toBe(['Claude has cost nothing this month.', '', ...idle].join('\n'));
});

test('what led to no answer has cost all the same, and what is not settled is said to be so', () => {
  expect(words([], [[me, spent(0.5, 0)]])).toContain(
    'Today: $0.00 (0 answers)\nNovember: $0.50 (0 answers)',
  );
  expect(words([], [], { unsettled: 1, unsettledUsd: 0.02 })).toContain(
    'Not settled: 1 broken-off request, perhaps $0.02 more.',
  );
  expect(words([], [[me, spent(1)]], { unsettled: 2, unsettledUsd: 0 })).toContain(
    'Not settled: 2 broken-off requests, perhaps $0.00 more.',
  );
});

test('messages, the computer and Redis are told with their prices, and what is not settled', () => {
  const messages = { received: 100, text: 90, file: 5, buttons: 3, template: 2 };
  const vmMs = new Map([
    ['one', 3600_000],
    ['two', 1800_000],
  ]);
  const month = counted({
    messages,
    vmMs,
    commands: 28_000,
    unsettled: { vmMs: 90_000, commandGaps: 1, messages: 1 },
  });
  const report = {
    conversation: me,
    day: '2026-11-23',
    today: new Map(),
    month: new Map(),
    unsettled: { unsettled: 0, unsettledUsd: 0 },
    isPretend: false,
    meters: { today: counted({ commands: 0 }), month },
    prices: { ...prices, usdPerHour: 0.057, idleUsd: 5.98 },
  };
  expect(costWords(report).split('\n').slice(2)).toEqual([
    'Messages today: 0 in and 0 out, $0.00 to Twilio.',
    'Messages this month: 100 in and 100 out, $1.00 to Twilio and $0.01 to Meta.',
    'Computer awake: 0.0 h, $0.00 today, 1.5 h, $0.09 this month.',
    'Redis commands: 0 today, 28,000 this month.',
    'Not settled: up to 1 more message, sent again after a break.',
    'Not settled: up to 2 min more, before the computer was cut off.',
    'Not settled: Redis’s commands around a restart of it.',
    'A month without any use costs $5.98.',
  ]);
});

test('every amount of a model that costs nothing is called pretend, and no other is', () => {
  const others: [string, Spent][] = Array.from({ length: 10 }, (_, index) => [
    `+155599910${index}`,
    spent(index + 1),
  ]);
  const month: [string, Spent][] = [...others, [me, spent(0.5)]];
  const unsettled = { unsettled: 1, unsettledUsd: 0.02 };
  const text = words([[me, spent(0.421)]], month, unsettled, true);
  expect(text).toContain('Today: pretend $0.42 (1 answer)');
  expect(text).toContain('Nothing has been paid.');
  expect(text.match(/\$/g)).toHaveLength(text.match(/pretend \$/g)?.length ?? 0);
  expect(words([[me, spent(0.421)]], month, unsettled)).not.toMatch(/pretend/i);
});

test.each([
  [0, '$0.00'],
  [0.004, 'under $0.01'],
  [0.006, '$0.01'],
  [12, '$12.00'],
])('%d dollars are %s', (usd, text) => {
  expect(dollars(usd, false)).toBe(text);
});
