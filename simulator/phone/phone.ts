import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import express from 'express';
import type { Express, RequestHandler } from 'express';
import helmet from 'helmet';
import type { SystemState } from '../chat.ts';
import type { ChatSource, TurnState } from './chat-source.ts';
import { EventStream } from './event-stream.ts';
import { createPageFiles } from './page-files.ts';
import { createErrorAnswer, createPhoneRoutes } from './phone-routes.ts';

export type PhoneOptions = {
  /** 0 takes any free port. */
  port: number;
  host?: string;
  chat: ChatSource;
  /** The current state of the system; read once for every page that opens. */
  system: () => SystemState;
  /** The state of the turn that a message (by its sid) started; `waiting` for an unknown sid. */
  turnState: (sid: string) => Promise<TurnState>;
  /** Allows a phone to write to the product; absent where that is not in our hands. */
  allow?: (phone: string) => Promise<void>;
  /** Receives errors that a page only shows as a plain sentence. */
  report?: (error: unknown) => void;
};

export type Phone = {
  url: string;
  /** Tells every open page that the system's state has changed. */
  announce(system: SystemState): void;
  /** Closes every stream and the server. Stopping twice is fine. */
  stop(): Promise<void>;
};

/**
 * Runs the simulated phone: a web page with its API. Meant for the person at this machine, so it
 * binds to the loopback address by default and has no sign-in. Throws when the port is taken.
 */
export async function runPhone({
  port,
  host = '127.0.0.1',
  ...options
}: PhoneOptions): Promise<Phone> {
  const events = new EventStream();
  const server = createServer(createApp(options, events, host));
  server.listen(port, host);
  try {
    await once(server, 'listening');
  } catch (error) {
    events.close();
    throw error;
  }
  const off = options.chat.on((event) => events.send(event));
  const address = server.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  let stopped: Promise<unknown> | undefined;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    announce: (system) => events.send({ kind: 'system', system }),
    async stop() {
      if (!stopped) {
        off();
        events.close();
        stopped = once(server.close(), 'close');
        server.closeAllConnections();
      }
      await stopped;
    },
  };
}

function createApp(
  { report = () => {}, ...options }: Omit<PhoneOptions, 'port' | 'host'>,
  events: EventStream,
  host: string,
): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use(securityHeaders());
  if (loopbackHosts.has(host)) app.use(refuseForeignHosts);
  app.use('/api', createPhoneRoutes({ ...options, events }));
  app.use(createPageFiles(join(import.meta.dirname, 'page')));
  app.use((_request, response) =>
    response.status(404).type('text/plain').send('There is no such page here.\n'),
  );
  app.use(createErrorAnswer(report));
  return app;
}

const loopbackHosts = new Set(['127.0.0.1', 'localhost', '::1']);

/** Otherwise a web site whose name points at this machine (DNS rebinding) could read the chats. */
const refuseForeignHosts: RequestHandler = (request, response, next) => {
  if (loopbackHosts.has(request.hostname.replace(/^\[|\]$/g, ''))) return next();
  response.status(403).json({ error: 'This page answers only to localhost.' });
};

/**
 * Pictures may come from any address, since the chat shows whatever the product sent; scripts only
 * from here.
 */
function securityHeaders(): RequestHandler {
  const anywhere = ["'self'", 'data:', 'blob:', 'http:', 'https:'];
  return helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        connectSrc: ["'self'"],
        imgSrc: anywhere,
        mediaSrc: anywhere,
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    strictTransportSecurity: false,
  });
}
