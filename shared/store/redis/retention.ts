/** How long messages are kept, unless RETENTION_DAYS overrides it (days). */
export const usualRetentionDays = 30;

const daySeconds = 24 * 3600;

/** How long a removed person's waiting work is kept (seconds): a week. */
export const setAsideSeconds = 7 * daySeconds;

/** The retention in seconds, as Redis's EXPIRE takes it. */
export function retentionSeconds(days: number): number {
  return Math.ceil(days * daySeconds);
}

/**
 * BullMQ's retention of finished jobs: a number of days (`age` in seconds), and at most 1,000 per
 * queue, which is about 10 MB with their logs.
 */
export function keptJobs(days: number): { age: number; count: number } {
  return { age: retentionSeconds(days), count: 1000 };
}
