import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { NextFunction, Request, Response } from 'express';
import type { ProxyTrust } from '../../shared/runtime/address-ranges.ts';
import type { Log } from '../../shared/runtime/log.ts';
import { originOf } from './client-address.ts';
import { createRateLimit } from './rate-limit.ts';

/**
 * Failed requests allowed per address and minute: without a valid signature, for a file that does
 * not exist, or the like. Twilio sends none of these.
 */
export const wrongPerMinute = 60;

/** How long an address stays trusted after a request with a valid signature (ms). */
const trustMs = 3600_000;

/**
 * The most trusted addresses remembered. Twilio's requests come from few, and behind a proxy from
 * the proxy's own.
 */
const mostTrusted = 1000;

/**
 * The rate limit for failed requests, against scanners. A request signed by Twilio is never
 * counted, so it passes whatever else comes from its address.
 */
export type UnsignedRateLimit = {
  /** Whether the address has used up its limit; the request then gets 429 and nothing else. */
  turnsAway(request: IncomingMessage): boolean;
  /** Counts a failed request; `weight` is how many it counts as. */
  noteWrong(request: IncomingMessage, weight?: number): void;
  /** Takes back a failed request that turned out to be valid. */
  forgive(request: IncomingMessage): void;
  /** Notes a request with a valid signature. */
  noteSigned(request: IncomingMessage): void;
  /** Whether a request with a valid signature came from this address in the last hour. */
  trusts(request: IncomingMessage): boolean;
  /** Whether a request with a valid signature came over this connection. */
  trustsConnection(socket: Socket): boolean;
};

/** `proxies` tells which connecting machines are proxies. */
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
        // Logged once: a flood must not flood the log.
        if (wrong.isUsedUp(origin))
          log.warn(
            { origin, perMinute: wrongPerMinute },
            'rate limited for this minute: too many failed requests',
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

const streamBegins = Symbol('a stream begins');

/** Tells the door that the request of this response was right, although it goes on for long. */
export function noteStream(response: Response): void {
  response.emit(streamBegins);
}

/**
 * Express middleware: rejects addresses over the limit and counts requests that fail. Counts in
 * advance, so that clients that hang up early are counted, too.
 */
export function limitUnsigned(
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
    let isForgiven = false;
    const forgive = (): void => {
      if (!isForgiven) unsignedRateLimit.forgive(request);
      isForgiven = true;
    };
    response.once(streamBegins, forgive);
    response.once('finish', () => {
      if (response.statusCode < 400 || response.statusCode >= 500) forgive();
    });
    next();
  };
}
