import { once } from 'node:events';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import type { Running } from '../../shared/runtime/lifecycle.ts';

/** How many times each command was sent, the most frequent first. */
export type Counted = { total: number; commands: [name: string, count: number][] };

/**
 * Counts the commands that clients send to a Redis; commands inside scripts do not count and are
 * not billed.
 */
export type CommandCount = Running & {
  /** Resets the count. */
  reset(): void;
  /** The commands since the last reset. */
  read(): Counted;
  /** When the last command came, or the counting began (ms since 1970). */
  lastAt(): number;
};

/**
 * A line of MONITOR: the time, the database and the source in brackets, then the command's words in
 * quotes. A script's commands have the source `lua`.
 */
const monitorLine = /^\+[\d.]+ \[\d+ (\S+)\] "([^"]*)"/;

/**
 * Watches with Redis's MONITOR, on a bare connection: a client's own greeting and checks would be
 * counted. Throws when the Redis is not reached.
 */
export async function countCommands(url: string): Promise<CommandCount> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port) });
  await once(socket, 'connect');
  const lines = createInterface({ input: socket });
  socket.on('error', () => undefined);
  socket.write('MONITOR\r\n');
  await once(lines, 'line');
  let counts = new Map<string, number>();
  let lastAt = Date.now();
  lines.on('line', (line) => {
    const [, source, name] = monitorLine.exec(line) ?? [];
    if (source === undefined || source === 'lua' || name === undefined) return;
    lastAt = Date.now();
    counts.set(name.toUpperCase(), (counts.get(name.toUpperCase()) ?? 0) + 1);
  });
  return {
    reset: () => void (counts = new Map()),
    read() {
      const commands = [...counts].toSorted(([, a], [, b]) => b - a);
      return { total: commands.reduce((sum, [, count]) => sum + count, 0), commands };
    },
    lastAt: () => lastAt,
    stop: async () => void socket.destroy(),
  };
}
