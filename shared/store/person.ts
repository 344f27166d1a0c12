/**
 * The name under which a person's links and secrets are kept: today the address that names their
 * conversation. The only place that decides it.
 */
export function personOf(conversation: string): string {
  return conversation;
}
