/** The options of a peer at its start. */
export type PeerOptions = { port: number; redisUrl: string; publicUrl: string; authToken: string };

/** The options, as JSON in the first argument of the process. */
export function peerOptions(): PeerOptions {
  return JSON.parse(process.argv[2] ?? '{}') as PeerOptions;
}
