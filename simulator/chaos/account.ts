import type { Redis } from 'ioredis';
import { keys } from '../../shared/store/redis/keys.ts';
import { createSpend, dayOf, monthOf } from '../../shared/store/money/spend.ts';
import type { BillEntry } from '../model/bill.ts';

/** The model's bill and the product's own count: requests, and all of their tokens. */
export type Account = {
  billed: number;
  counted: number;
  /**
   * Requests of unknown total cost, because a process was killed during them, and requests that are
   * still open.
   */
  unsettled: number;
  billedTokens: number;
  countedTokens: number;
};

/**
 * Reads, at the end of a run, the product's own account of its months: for the conversations that
 * Claude Code answered, since the others' costs are invented.
 */
export async function readAccount(
  redis: Redis,
  bill: readonly BillEntry[],
  begun: number,
  claude: readonly string[],
): Promise<Account> {
  const spend = createSpend(redis);
  const months = new Set([begun, Date.now()].map((at) => monthOf(dayOf(at))));
  const account: Account = {
    billed: bill.length,
    counted: 0,
    unsettled: await redis.hlen(keys.modelOpen),
    countedTokens: 0,
    billedTokens: bill.reduce((sum, entry) => sum + tokensOf(entry), 0),
  };
  for (const month of months) {
    for (const [conversation, use] of await spend.use(month)) {
      if (!claude.includes(conversation)) continue;
      account.counted += use.requests;
      account.unsettled += use.unsettled;
      account.countedTokens += tokensOf(use);
    }
  }
  return account;
}

/**
 * Whether the two differ by at most the requests that were open at a kill, and the product counts
 * nothing unbilled. If Redis has lost a period, the counts of that period are missing.
 */
export function isBalanced(
  { billed, counted, unsettled, billedTokens, countedTokens }: Account,
  hasForgotten = false,
): boolean {
  const missing = billed - counted;
  if (hasForgotten) return missing >= 0 && countedTokens <= billedTokens;
  return (
    missing >= 0 &&
    missing <= unsettled &&
    countedTokens <= billedTokens &&
    (unsettled > 0 || countedTokens === billedTokens)
  );
}

function tokensOf({
  input,
  output,
  cacheWrite5m,
  cacheWrite1h,
  cacheRead,
}: Pick<BillEntry, 'input' | 'output' | 'cacheWrite5m' | 'cacheWrite1h' | 'cacheRead'>): number {
  return input + output + cacheWrite5m + cacheWrite1h + cacheRead;
}
