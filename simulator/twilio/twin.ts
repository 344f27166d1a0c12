import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import express, { type Express } from 'express';
import { requireAccess, requireAccount } from './access.ts';
import { createAccountRoutes } from './account-routes.ts';
import { e164Pattern, type Account } from './account.ts';
import { Addresses } from './addresses.ts';
import { Background } from './background.ts';
import { Callbacks } from './callbacks.ts';
import { Contents, createContentRoutes, type ContentResource } from './contents.ts';
import { Delivery, type SendRate } from './delivery.ts';
import { Faults } from './faults.ts';
import { silentLog, type TwinLog } from './log.ts';
import { createMediaRoutes, createMediaSeal, createOpenMediaRoutes } from './media.ts';
import { TwinMemory } from './memory.ts';
import { formatResource, type MessageResource } from './message-record.ts';
import { createMessageRoutes } from './message-routes.ts';
import { Messages } from './messages.ts';
import { createChat, type Chat } from './phones.ts';
import { answerRefusals, refuseUnknown } from './error-codes.ts';
import { Sandbox } from './sandbox.ts';
import { createSenderRoutes, createSender, type Sender } from './senders.ts';
import { SessionWindow } from './session-window.ts';
import { createTypingRoutes } from './typing.ts';
import { Webhooks } from './webhooks.ts';

export type TwinOptions = {
  /** 0, the default, takes any free port. */
  port?: number;
  /** The address to listen on; 127.0.0.1 unless given. */
  host?: string;
  /**
   * Listens on all of this machine's addresses; `host` is then only the name in the addresses it
   * gives out.
   */
  everywhere?: boolean;
  accountSid: string;
  authToken: string;
  /** API keys (SK…) with their secrets that may call the REST API too. */
  apiKeys?: Record<string, string>;
  /** The WhatsApp sender's number, E.164. */
  number: string;
  /**
   * Where inbound messages go; its fragment may override Twilio's timeouts and retries, as in
   * `#rc=3&rp=5xx,ct,rt`.
   */
  webhookUrl: string;
  /** Where an inbound message goes when `webhookUrl` fails for good. */
  fallbackUrl?: string;
  /** Where the states of a message without a StatusCallback of its own go. */
  statusUrl?: string;
  /**
   * Numbers, or user ids of phones without one, that exist from the start; any other is created on
   * first use.
   */
  phones?: readonly string[];
  /** How fast messages travel; by default 100, 300 and 0 ms. */
  pace?: Partial<SendRate>;
  /**
   * True for Twilio's sandbox: only `phones`, and those that sent `join` and a code, can be
   * reached.
   */
  sandbox?: boolean;
  log?: TwinLog;
};

export type Twin = {
  /** The base address for the SDK's api, messaging and content domains. */
  url: string;
  chat: Chat;
  faults: Faults;
  /** The events so far; `messages` and `contents` are Twilio's current resources, oldest first. */
  memory: TwinMemory;
  messages(): MessageResource[];
  contents(): ContentResource[];
  /** Ends every connection and every running task. Stopping twice is fine. */
  stop(): Promise<void>;
};

/**
 * Starts a Twilio with memory: the REST API for WhatsApp, signed webhooks and status callbacks, and
 * the phones.
 * @throws RangeError for invalid options; Error when the port cannot be had.
 */
export async function runTwin(options: TwinOptions): Promise<Twin> {
  const {
    host = '127.0.0.1',
    everywhere = false,
    port = 0,
    log = silentLog,
    phones = [],
    pace,
  } = options;
  if (!e164Pattern.test(options.number))
    throw new RangeError(
      `"${options.number}" is not a phone number in E.164, such as +15551230001.`,
    );
  const addresses = new Addresses();
  for (const phone of phones) addresses.check(phone);
  const { number, accountSid: sid, authToken, apiKeys = {} } = options;
  const account: Account = { sid, authToken, number, apiKeys };
  const sender = createSender(options);
  const server = createServer();
  const site = await listen(server, port, host, everywhere);
  const background = new Background(log);
  const memory = new TwinMemory();
  const faults = new Faults();
  const messages = new Messages(site);
  const contents = new Contents();
  const window = new SessionWindow();
  const sandbox = new Sandbox(options.sandbox ?? false, phones);
  const callbacks = new Callbacks({ account, sender, faults, memory, background });
  const fullPace = { sentMs: 100, deliveredMs: 300, readMs: 0, ...pace };
  const delivery = new Delivery({
    messages,
    callbacks,
    faults,
    memory,
    background,
    window,
    sandbox,
    pace: fullPace,
  });
  const webhooks = new Webhooks({ account, sender, faults, memory, background, log });
  const chat = createChat(
    { account, addresses, messages, delivery, webhooks, window, sandbox, site },
    phones,
  );
  server.on(
    'request',
    createApp({
      account,
      addresses,
      sender,
      messages,
      contents,
      delivery,
      faults,
      memory,
      site,
      log,
    }),
  );
  log.info({ url: site }, 'twilio twin is listening');
  return {
    url: site,
    chat,
    faults,
    memory,
    messages: () => messages.kept().map(formatResource),
    contents: () => contents.all(),
    stop: async () => {
      const closed = closeServer(server);
      await background.stop();
      await closed;
    },
  };
}

type AppDeps = {
  account: Account;
  addresses: Addresses;
  sender: Sender;
  messages: Messages;
  contents: Contents;
  delivery: Delivery;
  faults: Faults;
  memory: TwinMemory;
  site: string;
  log: TwinLog;
};

function createApp({
  account,
  addresses,
  sender,
  messages,
  contents,
  delivery,
  faults,
  memory,
  site,
  log,
}: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple');
  const seal = createMediaSeal();
  app.use(createOpenMediaRoutes({ messages, memory }, seal));
  app.use(['/2010-04-01', '/v1', '/v2'], requireAccess(account));
  app.use(createContentRoutes(contents, account, faults, site));
  app.use(createTypingRoutes(messages, faults, memory));
  app.use(createSenderRoutes(sender, account, site));
  app.use('/2010-04-01', requireAccount(account));
  app.use(createMediaRoutes({ messages, faults, memory, site }, seal));
  app.use(
    createMessageRoutes({ account, addresses, messages, contents, delivery, faults, memory }),
  );
  app.use(createAccountRoutes(account));
  app.use(refuseUnknown);
  app.use(answerRefusals(log));
  return app;
}

function listen(server: Server, port: number, host: string, everywhere: boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Error(`The Twilio twin cannot listen on ${host}:${port}: ${error.message}`)),
    );
    server.listen(port, everywhere ? undefined : host, () => {
      const { port: taken } = server.address() as AddressInfo;
      resolve(`http://${host.includes(':') ? `[${host}]` : host}:${taken}`);
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
