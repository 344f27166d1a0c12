import { clockTime } from '../../../shared/runtime/time-zone.ts';
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
  /** This month's use by the home whose worker has sent the requests. */
  byHome: ReadonlyMap<string, ModelUse>;
  /** What the month costs if its other days are as the past ones. */
  projectedUsd: number;
  /** How many replies have reached each status, of all time. */
  replies: Record<string, number>;
  /** Messages, the computers' time and Redis's commands. */
  meters: { today: MeterSums; month: MeterSums };
  /** By how much the month's budget was raised. */
  grantedUsd: number;
};

/**
 * Reads it in a handful of commands. Today is the day of the owner's time zone (IANA name), as in
 * `/cost`; the meters have UTC's.
 */
export async function readMoney(
  redis: Redis,
  spend: Spend,
  now: number,
  zone: string,
): Promise<Money> {
  const today = dayOf(now, zone);
  const [days, byPerson, [ofToday], byModel, byHome, { statuses }, meters, { grantedUsd }] =
    await Promise.all([
      spend.days(today, 30),
      spend.use(monthOf(today)),
      spend.totals([today]),
      spend.models(monthOf(today)),
      spend.homes(monthOf(today)),
      readReplyCounts(redis),
      createMeters(redis, () => now).read(dayOf(now)),
      spend.month(monthOf(today)),
    ]);
  const month = totalUse(byPerson);
  return {
    days,
    byPerson,
    month,
    byModel,
    byHome,
    today: ofToday?.use ?? totalUse(new Map()),
    projectedUsd: project(month.costUsd, clockTime(now, zone)),
    replies: statuses,
    meters,
    grantedUsd,
  };
}

/** The month's projected sum at the same rate until its end; `clock` is as of `clockTime`. */
export function project(monthUsd: number, clock: number): number {
  const date = new Date(clock);
  const start = Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
  const end = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
  // The first day is too short to say much: it counts as a whole one.
  const past = Math.max(clock - start, 24 * 3600_000);
  return (monthUsd * (end - start)) / past;
}
