import { IncomingMessage } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { networkOf } from './client-address.ts';

export type ConnectionLimits = {
  /** How many may be open at once. */
  mostOpen: number;
  /**
   * How many requests one read from a connection may bring: no client of ours sends the next before
   * it has the answer.
   */
  mostAtOnce: number;
  /** How many requests of one connection may wait for their answers. */
  mostUnanswered: number;
  /**
   * Whether a connection has brought something that Twilio has signed; such a one is closed last.
   */
  isTrusted: (socket: Socket) => boolean;
};

/**
 * The connections that are open. When there are too many, one on which nothing is being served
 * makes room for the new one.
 */
export type Connections = {
  admit(socket: Socket): void;
  /**
   * Notes that a request's header has come in. False when its connection asks for too much at once.
   */
  mayBegin(socket: Socket): boolean;
  /** Notes a request that is going to be served. */
  serve(request: IncomingMessage, response: ServerResponse): void;
};

type Open = {
  network: string;
  current: { request: IncomingMessage; response: ServerResponse } | undefined;
  unanswered: number;
  /**
   * How much the connection had brought when the last request began (bytes), and how many began at
   * that point.
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
  /** In the order of what they last achieved: being opened, or having an answer. */
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
  /**
   * The connection that has achieved nothing for longest, from the network that has the most of
   * them.
   */
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
        // Set anew, it is the last in the order.
        if (open.delete(socket)) open.set(socket, entry);
      });
    },
  };
}

/** What decides whether a request is read any further than its header. */
export type Bounds = Pick<Connections, 'mayBegin'> & {
  isSuspect: (request: IncomingMessage) => boolean;
};

/**
 * Options for Node's server by which a connection is cut off in the middle of what was read from
 * it. One read of 64 kB can bring 2,600 requests or a body in 10,000 chunks, for each of which Node
 * makes objects before anybody can object: up to 130 ms of CPU. Only an upgrade stops its parser
 * there and then; so what asks for too much at once, and a body in chunks from an address that is
 * suspect, are taken for an upgrade, and the server's event of that name refuses it.
 */
export function createRequestBounds({ mayBegin, isSuspect }: Bounds): {
  IncomingMessage: typeof IncomingMessage;
  shouldUpgradeCallback: (request: IncomingMessage) => boolean;
} {
  const flooding = new WeakSet<IncomingMessage>();
  const judged = new WeakSet<IncomingMessage>();
  const isChunked = ({ headers }: IncomingMessage): boolean =>
    headers['transfer-encoding'] !== undefined;
  /**
   * Node's parser writes into `upgrade` what the header says, reads whether to ask, and writes and
   * reads the answer.
   */
  class BoundedRequest extends IncomingMessage {
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
