/** The host of an address; '' if it is not an address. */
function hostOf(address: string): string {
  return URL.parse(address)?.hostname ?? '';
}

/**
 * The hosts that a home's address may name: those of WAKE_HOSTS, by default Fly's private addresses
 * and the host of WAKE_URL.
 */
export function wakeHostsOf(
  hosts: readonly string[] | undefined,
  wakeUrl: string | undefined,
): string[] {
  return [...(hosts ?? ['*.flycast', ...(wakeUrl === undefined ? [] : [hostOf(wakeUrl)])])];
}

/**
 * Whether the relay may call this address: what a home says of itself in Redis must not lead it
 * anywhere else.
 */
export function fitsHosts(address: string, hosts: readonly string[]): boolean {
  const host = hostOf(address);
  return hosts.some((allowed) =>
    allowed.startsWith('*.') ? host.endsWith(allowed.slice(1)) : host === allowed,
  );
}
