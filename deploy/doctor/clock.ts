import { ok, problem } from './finding.ts';
import type { Finding } from './finding.ts';

/**
 * Above this skew (ms), leases and due times diverge from Redis's clock, and TLS and signatures
 * begin to fail.
 */
const most = 60_000;

/**
 * @param reference names the clock to compare with. @param aheadMs how far this machine's clock is
 * ahead of it.
 */
export function judgeClock(reference: string, aheadMs: number): Finding {
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  if (Math.abs(aheadMs) <= most)
    return ok(
      'Clock',
      seconds < 2
        ? `agrees with ${reference}’s`
        : `${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} ${reference}’s`,
    );
  return problem(
    'Clock',
    `${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} ${reference}’s`,
    'Let the machine set its clock by the network (for example: timedatectl set-ntp true).',
  );
}
