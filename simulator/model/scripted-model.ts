import { createServer, type Server } from 'node:http';
import type { Logger } from 'pino';
import type { BillEntry } from './bill.ts';
import { createFaults, type Faults } from './faults.ts';
import { createMessagesApi, type ModelRequest } from './messages-api.ts';
import type { Story } from './stories/story.ts';

export type ScriptedModel = {
  /** The value for ANTHROPIC_BASE_URL. */
  url: string;
  /** The requests, oldest first; the last thousand are kept. */
  requests: ModelRequest[];
  /** The paths of the requests for models, such as `/v1/models`, oldest first. */
  lookups: string[];
  /** Set these to make the model fail; see Faults. */
  faults: Faults;
  /** The charges, oldest first; the list is never truncated. */
  bill: BillEntry[];
  /** Ends every open answer and frees the port; stopping twice is fine. */
  stop(): Promise<void>;
};

export type ScriptedModelOptions = {
  /** 0, the default, takes a free one. */
  port?: number;
  host?: string;
  /** Listens on all of this machine's addresses; `host` is then only the name in its address. */
  everywhere?: boolean;
  /** Think time before each answer, in milliseconds. */
  delayMs?: number;
  /** Stories that take precedence over the standard ones. */
  stories?: readonly Story[];
  /** Leaves out the note that the first answer of a session comes from a script. */
  quiet?: boolean;
  /** Reports a part of the input as cached, as the real API does for Claude Code. */
  withCache?: boolean;
  /** What it suggests as the person's next prompt; by default nothing. */
  suggestion?: string;
  log?: Pick<Logger, 'info' | 'warn'>;
};

/**
 * Starts a server that speaks the Anthropic Messages API
 * (https://docs.anthropic.com/en/api/messages) and answers from stories. The real Claude Code uses
 * it as the model and really executes the tools that it calls.
 * @throws Error when the port is taken or the host is not one of this machine
 */
export async function runScriptedModel(options: ScriptedModelOptions = {}): Promise<ScriptedModel> {
  const {
    port = 0,
    host = '127.0.0.1',
    everywhere = false,
    delayMs = 0,
    stories = [],
    quiet = false,
    withCache = false,
    suggestion = 'silence',
    log,
  } = options;
  const requests: ModelRequest[] = [];
  const lookups: string[] = [];
  const faults = createFaults();
  const bill: BillEntry[] = [];
  const server = createServer(
    createMessagesApi({
      delayMs,
      stories,
      quiet,
      requests,
      lookups,
      faults,
      bill,
      withCache,
      suggestion,
      log,
    }),
  );
  const listeningOn = await listen(server, port, host, everywhere);
  let stopped: Promise<void> | undefined;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return {
    url: `http://${host}:${listeningOn}`,
    requests,
    lookups,
    faults,
    bill,
    stop: () => (stopped ??= close()),
  };
}

function listen(server: Server, port: number, host: string, everywhere: boolean): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Error(`The scripted model cannot listen on ${host}:${port}: ${error.message}`)),
    );
    server.listen(port, everywhere ? undefined : host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address ? address.port : port);
    });
  });
}
