/** The relay's health as seen from outside. */
export type RelayHealth =
  { state: 'ok' } | { state: 'no-redis' } | { state: 'away'; reason: string };

const patience = 8000;

/** Probes whether the relay is alive and reaches Redis, at its public address. Never throws. */
export async function probeRelay(publicUrl: string): Promise<RelayHealth> {
  try {
    const health = await fetch(`${publicUrl}/health`, {
      signal: AbortSignal.timeout(patience),
      redirect: 'manual',
    });
    if (health.status !== 200)
      return { state: 'away', reason: `${publicUrl}/health answered ${health.status}` };
    const body: unknown = await health.json().catch(() => undefined);
    if (typeof body !== 'object' || body === null || !('status' in body))
      return { state: 'away', reason: `what answers at ${publicUrl} is not a relay of Sidepocket` };
    const ready = await fetch(`${publicUrl}/ready`, {
      signal: AbortSignal.timeout(patience),
      redirect: 'manual',
    });
    return ready.status === 200 ? { state: 'ok' } : { state: 'no-redis' };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return {
      state: 'away',
      reason: cause instanceof Error ? cause.message || cause.name : String(cause),
    };
  }
}

/** Polls until the relay is healthy. @throws Error with the last answer on time-out. */
export async function untilRelayAnswers(
  publicUrl: string,
  { patienceMs, everyMs }: { patienceMs: number; everyMs: number },
): Promise<void> {
  const deadline = Date.now() + patienceMs;
  for (;;) {
    const health = await probeRelay(publicUrl);
    if (health.state === 'ok') return;
    if (Date.now() > deadline)
      throw new Error(
        health.state === 'no-redis'
          ? 'The relay answers, and does not reach Redis.'
          : `The relay does not answer: ${health.reason}.`,
      );
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
