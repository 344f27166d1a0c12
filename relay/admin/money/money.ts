import { createMeters } from '../../../shared/store/money/meters.ts';
import type { MeterSums } from '../../../shared/store/money/meters.ts';
import { dayOf, monthOf, totalUse } from '../../../shared/store/money/spend.ts';
import type { ModelUse, Spend, Spent } from '../../../shared/store/money/spend.ts';
import { readReplyCounts } from '../../../shared/store/reply-counts.ts';
import type { Redis } from '../../../shared/store/redis/redis.ts';

/** What was spent. Amounts are US dollars; days are `YYYY-MM-DD`. */
export type Money = {
  days: ({ day: string } & Spent)[];
  /** This month's use by conversation, and its sum. */
  byPerson: ReadonlyMap<string, ModelUse>;
  month: ModelUse;
  today: ModelUse;
  /** This month's use by model. */
  byModel: ReadonlyMap<string, ModelUse>;
  /** What the month costs if its other days are as the past ones; undefined on its first day. */
  projectedUsd: number;
  /** The replies of all time by the last status that each reached. */
  replies: Record<string, number>;
  /** Messages, the computers' time and Redis's commands. */
  meters: { today: MeterSums; month: MeterSums };
  /** By how much the month's budget was raised. */
  grantedUsd: number;
};

/** Reads it in a handful of commands. */
export async function readMoney(redis: Redis, spend: Spend, now: number): Promise<Money> {
  const today = dayOf(now);
  const [days, byPerson, ofToday, byModel, { statuses }, meters, { grantedUsd }] =
    await Promise.all([
      spend.days(today, 30),
      spend.use(monthOf(today)),
      spend.use(today),
      spend.models(monthOf(today)),
      readReplyCounts(redis),
      createMeters(redis, () => now).read(today),
      spend.month(monthOf(today)),
    ]);
  const month = totalUse(byPerson);
  return {
    days,
    byPerson,
    month,
    byModel,
    today: totalUse(ofToday),
    projectedUsd: project(month.costUsd, now),
    replies: statuses,
    meters,
    grantedUsd,
  };
}

/** The month's projected sum at the same rate until its end (UTC). */
export function project(monthUsd: number, now: number): number {
  const date = new Date(now);
  const start = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  const end = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
  // The first day is too short to say much: it counts as a whole one.
  const past = Math.max(now - start, 24 * 3600_000);
  return (monthUsd * (end - start)) / past;
}
