/** How long what was said is kept, unless RETENTION_DAYS says otherwise (days). */
export const usualRetentionDays = 30;

const daySeconds = 24 * 3600;

/** How long what a removed person had waiting is kept (seconds): a week. */
export const setAsideSeconds = 7 * daySeconds;

/** The same in seconds, as Redis's EXPIRE takes it. */
export function retentionSeconds(days: number): number {
  return Math.ceil(days * daySeconds);
}

/**
 * How long finished jobs are kept, for BullMQ: so many days (`age` in seconds), and at most 1,000 a
 * queue, which is about 10 MB with their logs.
 */
export function keptJobs(days: number): { age: number; count: number } {
  return { age: retentionSeconds(days), count: 1000 };
}
