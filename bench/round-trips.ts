import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Load } from './load.ts';
import type { RelayStage, Side } from './relay-stage.ts';
import type { Row } from './section.ts';
import { percentile } from './statistics.ts';

/** The added latency of Redis's answers (ms). */
const delayMs = 20;

/**
 * The number of times an ack waits for Redis, derived from its added latency when each answer of
 * Redis takes 20 ms longer.
 */
export async function countTrips(stage: RelayStage, load: Load, quick: boolean): Promise<Row[]> {
  const proxy = await runDelayingProxy(stage.redisPort);
  const trips: Partial<Record<Side, number>> = {};
  try {
    for (const side of ['ours', 'plain'] as const) {
      proxy.delay(0);
      const relay = await stage.start(side, { redisUrl: `redis://127.0.0.1:${proxy.port}` });
      await stage.untilReady(relay);
      const p50 = async (count: number): Promise<number> => {
        await stage.empty();
        return percentile(
          (
            await load.run(
              { port: relay.port, connections: 1, count, signing: 'right', addresses: 'one' },
              '200',
            )
          ).milliseconds,
          0.5,
        );
      };
      await p50(quick ? 40 : 100);
      const near = await p50(quick ? 40 : 100);
      proxy.delay(delayMs);
      trips[side] = (await p50(quick ? 15 : 40)) - near;
      await relay.stop();
    }
  } finally {
    await proxy.stop();
  }
  const [ours = Number.NaN, plain = Number.NaN] = [trips.ours, trips.plain].map(
    (more) => (more ?? Number.NaN) / delayMs,
  );
  return [
    {
      what: `Redis round trips for an ack (how much later it comes when Redis’s answers come ${delayMs} ms later)`,
      ours: ours.toFixed(2),
      peer: `plain ${plain.toFixed(2)}`,
      target: '1',
      held: Math.abs(ours - 1) < 0.25,
    },
  ];
}

type DelayingProxy = { port: number; delay(ms: number): void; stop(): Promise<void> };

/**
 * A TCP proxy in front of a server on this machine that delays each chunk of its answers, in order.
 */
async function runDelayingProxy(target: number): Promise<DelayingProxy> {
  const sockets = new Set<Socket>();
  let delayMs = 0;
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: target, host: '127.0.0.1', noDelay: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
    near.on('data', (chunk) => far.write(chunk));
    far.on('data', (chunk) => void setTimeout(() => near.write(chunk), delayMs));
  });
  await new Promise<void>((resolve) => void server.listen({ port: 0, host: '127.0.0.1' }, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    delay: (ms) => void (delayMs = ms),
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => void server.close(() => resolve()));
    },
  };
}
