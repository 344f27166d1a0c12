import { chmod, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { Redis } from 'ioredis';
import { createShutdown } from '../shared/runtime/lifecycle.ts';
import type { Running } from '../shared/runtime/lifecycle.ts';
import type { Log } from '../shared/runtime/log.ts';
import { parseRelayConfig } from '../relay/config.ts';
import { parseWorkerConfig } from '../worker/config.ts';
import { setUpAgent } from '../worker/agent/sandbox/setup.ts';
import { killMarked, killMarkedNow } from '../worker/agent/sandbox/processes.ts';
import type { SystemState } from './chat.ts';
import { formatEnd, startChild, untilReady } from './child-process.ts';
import type { Child } from './child-process.ts';
import { freePort } from './free-port.ts';
import type { ModelRequest } from './model/messages-api.ts';
import { runScriptedModel } from './model/scripted-model.ts';
import { runPhone } from './phone/phone.ts';
import { runRedisServer } from './redis-server.ts';
import { readTurnState } from './turn-state.ts';
import type { Chat } from './twilio/phones.ts';
import { runTwin } from './twilio/twin.ts';
import { runVm } from './vm.ts';

export type SimulatorOptions = {
  /** Where data, logs and Redis live between runs. */
  dir: string;
  /** A key of the real model and related variables; empty runs the scripted model. */
  model: Record<string, string>;
  searchPath: string;
  /** The worker stops itself after this time without work. */
  idleMinutes: number;
  /** Further variables for both processes. */
  environment?: Record<string, string>;
  /** The preferred ports; a port in use is replaced by any other. 0 takes any. */
  ports: { phone: number; relay: number; worker: number };
  /** Receives what the person at the terminal should know, such as why a process has ended. */
  say?: (line: string) => void;
  /** Ends the start: it closes what it has opened, and throws the signal's reason. */
  signal?: AbortSignal;
  log: Log;
};

export type Simulator = Running & {
  phoneUrl: string;
  relayUrl: string;
  dashboardUrl: string;
  dashboardPassword: string;
  redisUrl: string;
  logsDir: string;
  /** The phones, for callers without a page. */
  chat: Chat;
  /** The current state of the system for the page's frame. */
  system(): SystemState;
  /**
   * The user that Claude Code runs as, undefined for the user of this process; the place of its
   * files; and the place of its copies of the programs, if it uses copies.
   */
  agent: { user: string | undefined; dataDir: string; programs: string | undefined };
  /** The requests to the scripted model so far, oldest first. */
  modelRequests(): readonly ModelRequest[];
};

/** Invented, like everything of this account. */
const account = {
  accountSid: `AC${'5'.repeat(32)}`,
  authToken: 'simulated-auth-token',
  number: '+15550100000',
};
const phones = ['+15551230001', '+15551230002'];
const dashboardPassword = 'sidepocket-here';
/**
 * The variable that identifies the processes of a local system, in case the system itself is
 * killed.
 */
const localMark = 'SIDEPOCKET_LOCAL';
/**
 * The worker's time for a stop (s). It interrupts a turn at once, since the next start forgets the
 * turn. With closing its connections the stop takes at most `stopPatience` (ms).
 */
const stopSeconds = 3;
const stopPatience = 15_000;
const wakeSecret = 'simulated-wake-secret';

/**
 * Checks both processes' environments before anything is started; the addresses, which are not
 * known yet, are made up. Throws SetupError with what is wrong.
 */
function checkEnvironments(given: Record<string, string>): void {
  const address = 'http://127.0.0.1';
  const environment = {
    ...givenToBoth({ redisUrl: 'redis://127.0.0.1', relayUrl: address, twilioUrl: address }),
    ANTHROPIC_API_KEY: 'scripted',
    ...given,
  };
  parseRelayConfig(environment);
  parseWorkerConfig(environment);
}

/** The variables of the invented account for both processes. */
function givenToBoth(at: { redisUrl: string; relayUrl: string; twilioUrl: string }) {
  return {
    HOST: '127.0.0.1',
    PUBLIC_URL: at.relayUrl,
    REDIS_URL: at.redisUrl,
    ADMIN_PASSWORD: dashboardPassword,
    TWILIO_ACCOUNT_SID: account.accountSid,
    TWILIO_AUTH_TOKEN: account.authToken,
    TWILIO_WHATSAPP_NUMBER: account.number,
    TWILIO_API_URL: at.twilioUrl,
    WAKE_SECRET: wakeSecret,
    ALLOWED_SENDERS: phones.join(','),
  };
}

/**
 * Runs the whole system on this machine: the real relay and worker as processes, and a simulated
 * Twilio, a phone and (without a key) a scripted model around them.
 */
export async function runSimulator({
  dir,
  model,
  searchPath,
  idleMinutes,
  environment: extra = {},
  ports,
  say = () => undefined,
  signal,
  log,
}: SimulatorOptions): Promise<Simulator> {
  checkEnvironments({ ...model, ...extra });
  const shutdown = createShutdown(log);
  const logsDir = path.join(dir, 'logs');
  try {
    await mkdir(logsDir, { recursive: true, mode: 0o700 });
    // The agent of a worker that runs as root is another user: it may traverse this directory, and
    // sees only its own files.
    if (process.getuid?.() === 0) await chmod(dir, 0o711);
    const dataDir = path.join(dir, 'data');
    const agent = await setUpAgent({
      wanted: extra['AGENT_USER'],
      dataDir,
      imagesDir: path.join(dataDir, 'images'),
      redisUrl: 'redis://:none@here',
      log: log.child({}, { level: 'error' }),
    });
    signal?.throwIfAborted();
    const orphans = await killMarked((mark) => mark === dir, { variable: localMark });
    if (orphans > 0)
      log.warn({ orphans }, 'ended what an earlier run, which was killed, had left running');
    // A worker that is killed while it starts leaves Claude's processes.
    const endLeft = (): void => {
      killMarkedNow((mark) => mark === dir, localMark);
      killMarkedNow((mark) => mark.endsWith(`@${agent.dataDir}`));
    };
    process.on('exit', endLeft);
    shutdown.add('processes left', () => [process.off('exit', endLeft), endLeft()]);
    // The twin forgets its chats when it stops; a Redis that remembered them would be inconsistent
    // with it.
    await rm(path.join(dir, 'redis'), { recursive: true, force: true });
    const redisServer = await runRedisServer({
      dir: path.join(dir, 'redis'),
      environment: { PATH: searchPath, [localMark]: dir },
    });
    shutdown.add('Redis', () => redisServer.stop());
    signal?.throwIfAborted();
    const scripted = Object.keys(model).length === 0 ? await runScriptedModel() : undefined;
    if (scripted) shutdown.add('model', () => scripted.stop());

    const relayPort = await freePort(ports.relay);
    const workerPort = await freePort(ports.worker);
    const relayUrl = `http://127.0.0.1:${relayPort}`;
    const twin = await runTwin({
      ...account,
      phones,
      webhookUrl: `${relayUrl}/webhook#rc=3&rp=5xx,ct,rt`,
    });
    shutdown.add('Twilio', () => twin.stop());

    const environment = {
      [localMark]: dir,
      ...givenToBoth({ redisUrl: redisServer.url, relayUrl, twilioUrl: twin.url }),
      DATA_DIR: dataDir,
      ...(scripted
        ? {
            ANTHROPIC_API_KEY: 'scripted',
            ANTHROPIC_BASE_URL: scripted.url,
            PRETEND_COSTS: '1',
          }
        : model),
      ...extra,
    };
    let isStopping = false;
    const sayEnd = async (name: string, child: Child, logFile: string): Promise<void> => {
      const ended = await child.exited;
      if (ended.code === 0 || isStopping || signal?.aborted) return;
      say(formatEnd(name, ended, { reason: child.reason(), logFile }));
    };
    const start = async (
      name: 'relay' | 'worker',
      port: number,
      own: Record<string, string>,
    ): Promise<Child> => {
      const logFile = path.join(logsDir, `${name}.log`);
      const child = startChild({
        entry: `${name}/main.ts`,
        environment: { ...environment, ...own, PORT: String(port) },
        searchPath,
        logFile,
      });
      void sayEnd(name, child, logFile);
      await untilReady(child, `http://127.0.0.1:${port}/health`, logFile, signal);
      return child;
    };
    let announce = (): void => undefined;
    const vm = await runVm({
      secret: wakeSecret,
      onState: () => announce(),
      boot: () =>
        start('worker', workerPort, {
          IDLE_MINUTES: String(idleMinutes),
          STOP_SECONDS: String(stopSeconds),
        }),
    });
    shutdown.add('VM', () => vm.stop(), stopPatience);
    let allowed = [...phones];
    const startRelay = (): Promise<Child> =>
      start('relay', relayPort, { WAKE_URL: vm.url, ALLOWED_SENDERS: allowed.join(',') });
    let relay = startRelay();
    shutdown.add('relay', async () => (await relay.catch(() => undefined))?.stop());
    await relay;
    // As its owner would: the list is the relay's variable, which a restart reads.
    const allow = async (phone: string): Promise<void> => {
      if (allowed.includes(phone)) return;
      allowed = [...allowed, phone];
      relay = relay.then(async (old) => {
        await old.stop();
        return await startRelay();
      });
      await relay;
      announce();
    };

    const redis = new Redis(redisServer.url);
    redis.on('error', (error: Error) => log.debug({ err: error }, 'Redis'));
    shutdown.add('Redis connection', () => redis.disconnect());
    const dashboardUrl = `${relayUrl}/admin`;
    const system = (): SystemState => ({
      number: account.number,
      phones,
      allowed,
      vm: vm.state(),
      model: scripted ? 'scripted' : 'real',
      dashboardUrl,
    });
    const phone = await runPhone({
      port: await freePort(ports.phone),
      chat: twin.chat,
      system,
      turnState: (sid) => readTurnState(redis, sid),
      allow,
    });
    shutdown.add('phone', () => phone.stop());
    announce = () => phone.announce(system());
    return {
      phoneUrl: phone.url,
      relayUrl,
      dashboardUrl,
      dashboardPassword,
      redisUrl: redisServer.url,
      logsDir,
      chat: twin.chat,
      system,
      modelRequests: () => scripted?.requests ?? [],
      agent: { user: agent.user?.name, dataDir: agent.dataDir, programs: agent.programs },
      stop() {
        isStopping = true;
        return shutdown.run();
      },
    };
  } catch (error) {
    await shutdown.run();
    throw error;
  }
}
