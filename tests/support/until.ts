/** Waits until `look` returns something other than undefined, false or null, and returns it; looks again every `everyMs`. Throws with `what` after `ms` milliseconds. */
export async function until<T>(what: string, look: () => T | Promise<T>, ms = 20_000, everyMs = 10): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found as NonNullable<Exclude<T, false>>;
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
