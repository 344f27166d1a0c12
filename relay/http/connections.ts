import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { http } from '../../shared/runtime/http/http.ts';
import { networkOf } from './client-address.ts';

export type ConnectionLimits = {
  /** How many connections may be open at once. */
  mostOpen: number;
  /** How many requests one read from a connection may contain: our clients do not pipeline. */
  mostAtOnce: number;
  /** How many requests of one connection may be unanswered. */
  mostUnanswered: number;
  /**
   * Whether a connection has carried a request signed by Twilio; such connections are closed last.
   */
  isTrusted: (socket: Socket) => boolean;
};

/** The open connections. At the limit, an idle connection is closed to make room for a new one. */
export type Connections = {
  admit(socket: Socket): void;
  /**
   * Notes that a request's header has arrived. False when its connection sends too much at once.
   */
  mayBegin(socket: Socket): boolean;
  /** Notes a request that will be served. */
  serve(request: IncomingMessage, response: ServerResponse): void;
};

type Open = {
  network: string;
  current: { request: IncomingMessage; response: ServerResponse } | undefined;
  unanswered: number;
  /**
   * How much the connection had received when the last request began (bytes), and how many requests
   * began at that point.
   */
  bytesRead: number;
  atOnce: number;
};

export function createConnections({
  mostOpen,
  mostAtOnce,
  mostUnanswered,
  isTrusted,
}: ConnectionLimits): Connections {
  /** In the order of the last progress: the opening, or an answer. */
  const open = new Map<Socket, Open>();
  const perNetwork = new Map<string, number>();

  const forget = (socket: Socket): void => {
    const entry = open.get(socket);
    if (!entry) return;
    open.delete(socket);
    const count = (perNetwork.get(entry.network) ?? 1) - 1;
    if (count > 0) perNetwork.set(entry.network, count);
    else perNetwork.delete(entry.network);
  };
  /** The connection without progress for longest, from the network with the most connections. */
  const findIdlest = (): Socket | undefined => {
    let [crowd, most] = ['', 0];
    for (const [network, count] of perNetwork) if (count > most) [crowd, most] = [network, count];
    let [stranger, any]: [Socket?, Socket?] = [];
    for (const [socket, { network, current }] of open) {
      if (current?.request.complete && !current.response.writableFinished) continue;
      any ??= socket;
      if (isTrusted(socket)) continue;
      stranger ??= socket;
      if (network === crowd) return socket;
    }
    return stranger ?? any;
  };

  return {
    admit(socket) {
      if (open.size >= mostOpen) {
        const idlest = findIdlest() ?? socket;
        forget(idlest);
        idlest.destroy();
        if (idlest === socket) return;
      }
      const network = networkOf(socket.remoteAddress ?? '');
      open.set(socket, { network, current: undefined, unanswered: 0, bytesRead: -1, atOnce: 0 });
      perNetwork.set(network, (perNetwork.get(network) ?? 0) + 1);
      socket.once('close', () => forget(socket));
    },
    mayBegin(socket) {
      const entry = open.get(socket);
      if (!entry) return false;
      const { bytesRead } = socket;
      entry.atOnce = entry.bytesRead === bytesRead ? entry.atOnce + 1 : 1;
      entry.bytesRead = bytesRead;
      return entry.atOnce <= mostAtOnce && entry.unanswered < mostUnanswered;
    },
    serve(request, response) {
      const { socket } = request;
      const entry = open.get(socket);
      if (!entry) return;
      entry.current = { request, response };
      entry.unanswered += 1;
      response.once('close', () => {
        entry.unanswered -= 1;
        // Reinserting moves it to the end of the order.
        if (open.delete(socket)) open.set(socket, entry);
      });
    },
  };
}

/** Decides whether a request is read beyond its header. */
export type Bounds = Pick<Connections, 'mayBegin'> & {
  isSuspect: (request: IncomingMessage) => boolean;
};

/**
 * Options for Node's server that cut a connection off in the middle of a read. One read of 64 kB
 * can contain 2,600 requests or a body of 10,000 chunks, and Node creates objects for each before
 * any handler can refuse: up to 130 ms of CPU. Only an upgrade stops its parser immediately; so a
 * connection that sends too much at once, and a chunked body from a suspect address, are treated as
 * an upgrade, and the server's `upgrade` event refuses it.
 */
export function createRequestBounds({ mayBegin, isSuspect }: Bounds): {
  IncomingMessage: typeof http.IncomingMessage;
  shouldUpgradeCallback: (request: IncomingMessage) => boolean;
} {
  const flooding = new WeakSet<IncomingMessage>();
  const judged = new WeakSet<IncomingMessage>();
  const isChunked = ({ headers }: IncomingMessage): boolean =>
    headers['transfer-encoding'] !== undefined;
  /**
   * Node's parser sets `upgrade` from the header, reads it to decide whether to ask, then sets and
   * reads the answer.
   */
  class BoundedRequest extends http.IncomingMessage {
    declare asked: unknown;

    constructor(socket: Socket) {
      super(socket);
      if (!mayBegin(socket)) flooding.add(this);
    }

    get upgrade(): unknown {
      return this.asked || (!judged.has(this) && (flooding.has(this) || isChunked(this)));
    }

    set upgrade(value: unknown) {
      this.asked = value;
    }
  }
  return {
    IncomingMessage: BoundedRequest,
    shouldUpgradeCallback(request) {
      judged.add(request);
      return flooding.has(request) || (isChunked(request) && isSuspect(request));
    },
  };
}
