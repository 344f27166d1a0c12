import { probeRelay } from '../relay-health.ts';
import { ok, problem } from './finding.ts';
import type { Finding } from './finding.ts';

const about = 'Relay';

/** Asks the relay at its public address, as Twilio would reach it. */
export async function checkRelay(publicUrl: string): Promise<Finding> {
  const health = await probeRelay(publicUrl);
  if (health.state === 'ok') return ok(about, `answers at ${publicUrl} and reaches Redis`);
  if (health.state === 'no-redis')
    return problem(
      about,
      `answers at ${publicUrl}, and does not reach Redis`,
      'Look at the relay’s log and at its REDIS_URL.',
    );
  return problem(
    about,
    `does not answer at ${publicUrl}: ${health.reason}`,
    'Start it (npm run relay), and see that PUBLIC_URL leads to it from the internet.',
  );
}
