import { Redis } from 'ioredis';
import type { Running } from '../../shared/lifecycle.ts';

/** How many times each command was sent, the most frequent first. */
export type Counted = { total: number; commands: [name: string, count: number][] };

/** Counts what clients send to a Redis; commands inside scripts are not theirs and are not billed. */
export type CommandCount = Running & {
  /** Begins anew. */
  reset(): void;
  /** What was sent since the last reset. */
  read(): Counted;
  /** When the last command came, or the counting began (ms since 1970). */
  lastAt(): number;
};

/** Watches with Redis's MONITOR, which names the source of a script's commands `lua`. Throws when the Redis is not reached. */
export async function countCommands(url: string): Promise<CommandCount> {
  const redis = new Redis(url);
  redis.on('error', () => undefined);
  const monitor = await redis.monitor();
  monitor.on('error', () => undefined);
  // Its own connection's greeting is over; from here on everything is somebody else's.
  redis.disconnect();
  let counts = new Map<string, number>();
  let lastAt = Date.now();
  monitor.on('monitor', (_time: string, args: string[], source: string) => {
    if (source === 'lua') return;
    lastAt = Date.now();
    const name = (args[0] ?? '').toUpperCase();
    counts.set(name, (counts.get(name) ?? 0) + 1);
  });
  return {
    reset: () => void (counts = new Map()),
    read() {
      const commands = [...counts].toSorted(([, a], [, b]) => b - a);
      return { total: commands.reduce((sum, [, count]) => sum + count, 0), commands };
    },
    lastAt: () => lastAt,
    stop: async () => monitor.disconnect(),
  };
}
