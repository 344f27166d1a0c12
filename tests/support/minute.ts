/**
 * Waits for the beginning of a minute if this one ends soon: the relay's limits count by the
 * clock's minutes.
 */
export async function earlyInTheMinute(): Promise<void> {
  const left = 60_000 - (Date.now() % 60_000);
  if (left < 15_000) await new Promise((resolve) => setTimeout(resolve, left + 50));
}
