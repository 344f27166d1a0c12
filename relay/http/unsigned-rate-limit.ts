import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { NextFunction, Request, Response } from 'express';
import type { ProxyTrust } from '../../shared/runtime/address-ranges.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { originOf } from './client-address.ts';
import { createRateLimit } from './rate-limit.ts';

/**
 * So many requests a minute may come from an address without a right signature, to a file that is
 * not there, or the like. Twilio makes none of them.
 */
export const wrongPerMinute = 60;

/** How long an address is believed after something with a right signature came from it (ms). */
const trustMs = 3600_000;

/**
 * How many such addresses are remembered. Twilio's requests come from few, and behind a proxy from
 * its own.
 */
const mostTrusted = 1000;

/**
 * Keeps those out who only try handles. What Twilio has signed is never counted, so it passes
 * whatever else comes from its address.
 */
export type UnsignedRateLimit = {
  /** Whether the address has used its minute up; then the request is worth 429 and nothing else. */
  turnsAway(request: IncomingMessage): boolean;
  /** The request was wrong; `weight` is as how many it counts. */
  noteWrong(request: IncomingMessage, weight?: number): void;
  /** What was noted as wrong turned out to be right. */
  forgive(request: IncomingMessage): void;
  /** The request had a right signature. */
  noteSigned(request: IncomingMessage): void;
  /** Whether something with a right signature came from this address in the last hour. */
  trusts(request: IncomingMessage): boolean;
  /** Whether something with a right signature came by this connection. */
  trustsConnection(socket: Socket): boolean;
};

/** `proxies` says which machines that connect are proxies. */
export function createUnsignedRateLimit(
  proxies: ProxyTrust,
  log: Log,
  now: () => number = Date.now,
): UnsignedRateLimit {
  const wrong = createRateLimit(wrongPerMinute, now);
  const signed = new Map<string, number>();
  const connections = new WeakSet<Socket>();
  return {
    turnsAway: (request) => wrong.isUsedUp(originOf(request, proxies)),
    noteWrong(request, weight = 1) {
      const origin = originOf(request, proxies);
      for (let left = weight; left > 0 && wrong.take(origin); left -= 1) {
        // Said once: a flood must not become a flood of lines.
        if (wrong.isUsedUp(origin))
          log.warn(
            { origin, perMinute: wrongPerMinute },
            'turned away for this minute: too many wrong requests',
          );
      }
    },
    forgive: (request) => wrong.giveBack(originOf(request, proxies)),
    noteSigned(request) {
      const origin = originOf(request, proxies);
      connections.add(request.socket);
      if (!signed.has(origin) && signed.size >= mostTrusted) signed.clear();
      signed.set(origin, now());
    },
    trusts: (request) =>
      now() - (signed.get(originOf(request, proxies)) ?? Number.NEGATIVE_INFINITY) < trustMs,
    trustsConnection: (socket) => connections.has(socket),
  };
}

/**
 * For Express: turns away, and counts what does not end well. It counts first, so that whoever
 * hangs up early is counted, too.
 */
export function keepDoor(
  unsignedRateLimit: UnsignedRateLimit,
): (request: Request, response: Response, next: NextFunction) => void {
  return (request, response, next) => {
    if (unsignedRateLimit.turnsAway(request)) {
      response
        .status(429)
        .set('Retry-After', '60')
        .set('Connection', 'close')
        .type('text')
        .send('Too many requests. Try again in a minute.');
      return;
    }
    unsignedRateLimit.noteWrong(request);
    response.once('finish', () => {
      if (response.statusCode < 400 || response.statusCode >= 500)
        unsignedRateLimit.forgive(request);
    });
    next();
  };
}
