import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createShutdown } from '../shared/runtime/lifecycle.ts';
import { runScriptedModel } from '../simulator/model/scripted-model.ts';
import type { ModelRequest } from '../simulator/model/messages-api.ts';
import { runSimulator } from '../simulator/simulator.ts';
import { findChromium } from '../worker/agent/mcp/browser.ts';
import { findMarked } from '../worker/agent/sandbox/processes.ts';
import { startBare } from './bare-process.ts';
import type { BareProcess } from './bare-process.ts';
import type { BareSetting } from './peers/bare-claude.ts';
import type { BenchOptions } from './section.ts';

/**
 * The whole system with the real Claude Code, and bare Claude Code processes beside it; the models
 * are scripted and answer immediately.
 */
export type FirstRequestStage = {
  /**
   * Sends a message and returns the time until the request to the model (ms); resolves when the
   * answer has arrived.
   */
  say(text: string): Promise<number>;
  /** Ends the worker, if it runs, as after its idle time. */
  sendToSleep(): Promise<void>;
  /** Ends the Claude Code process of the session that was used last. */
  endLive(): Promise<void>;
  /** Waits for a prewarmed process that has started. */
  untilPrewarmed(): Promise<void>;
  /** Starts a process with Claude Code and nothing else; it is stopped at the end. */
  startBare(name: string, change: Pick<BareSetting, 'usual' | 'text'>): BareProcess;
  /**
   * The time from `since` (ms since 1970) until a bare Claude Code sent a model request with this
   * text in its prompt.
   */
  askedBare(text: string, since: number): Promise<number>;
};

/**
 * The time after which a prewarmed process counts as started once its process exists (ms): it gives
 * no other sign.
 */
const prewarmMs = 1500;

/**
 * One phone gets more answers here than WhatsApp would accept; no answer waits for the send rate.
 */
const unpaced = { PACE_SECONDS: '0.01', PACE_BURST: '1000' };

/** Sets the stage for as long as `play` takes. */
export async function withFirstRequestStage<T>(
  { searchPath, log, signal }: BenchOptions,
  play: (stage: FirstRequestStage) => Promise<T>,
): Promise<T> {
  const shutdown = createShutdown(log);
  const poll = async <Found>(
    what: string,
    look: () => Found | undefined | Promise<Found | undefined>,
  ): Promise<Found> => {
    for (
      const deadline = Date.now() + 60_000;
      Date.now() < deadline;
      await sleep(10, undefined, { signal })
    ) {
      const found = await look();
      if (found !== undefined) return found;
    }
    throw new Error(`waited a minute in vain for ${what}`);
  };
  try {
    const dir = await mkdtemp(path.join(tmpdir(), 'sidepocket-bench-'));
    shutdown.add('directory', () => rm(dir, { recursive: true, force: true, maxRetries: 5 }));
    const simulator = await runSimulator({
      dir,
      model: {},
      searchPath,
      idleMinutes: 30,
      environment: unpaced,
      ports: { phone: 0, relay: 0, worker: 0 },
      log,
    });
    shutdown.add('system', () => simulator.stop(), 30_000);
    const model = await runScriptedModel({ quiet: true });
    shutdown.add('model', () => model.stop());
    const chromium = await findChromium(searchPath);
    const phone = simulator.system().phones[0] ?? '';
    const dataDir = path.join(dir, 'data');
    let last = '';
    const processes = async (): Promise<{ pid: number; session: string }[]> =>
      (await findMarked())
        .filter(({ mark }) => mark.endsWith(`@${dataDir}`))
        .map(({ pid, mark }) => ({
          pid,
          session: mark.slice(mark.indexOf('/') + 1, mark.indexOf('@')),
        }));
    const answers = (): number =>
      simulator.chat.messages(phone).filter(({ direction }) => direction === 'outbound').length;
    return await play({
      async say(text) {
        const before = answers();
        const known = simulator.modelRequests().length;
        const sent = Date.now();
        await simulator.chat.receive(phone, { text });
        await poll('an answer', () => (answers() > before ? true : undefined));
        const first = simulator
          .modelRequests()
          .slice(known)
          .find(({ kind }) => kind === 'turn');
        last = first?.session ?? last;
        return timeOf(first) - sent;
      },
      async sendToSleep() {
        if (simulator.system().vm === 'asleep') return;
        const own = await findMarked({ variable: 'SIDEPOCKET_LOCAL' });
        const commands = await Promise.all(
          own
            .filter(({ mark }) => mark === dir)
            .map(async ({ pid }) => ({
              pid,
              command: await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
            })),
        );
        for (const { pid, command } of commands)
          if (command.includes('worker/main.ts')) process.kill(pid, 'SIGTERM');
        await poll('the worker to end', () =>
          simulator.system().vm === 'asleep' ? true : undefined,
        );
      },
      async endLive() {
        for (const { pid, session } of await processes())
          if (session === last) process.kill(pid, 'SIGKILL');
        await poll('its end', async () =>
          (await processes()).every(({ session }) => session !== last) ? true : undefined,
        );
        // The worker has received it by then.
        await sleep(300, undefined, { signal });
      },
      async untilPrewarmed() {
        await poll('a prewarmed process', async () =>
          (await processes()).some(({ session }) => session !== last) ? true : undefined,
        );
        await sleep(prewarmMs, undefined, { signal });
      },
      startBare(name, change) {
        const bare = startBare(
          { dataDir: path.join(dir, name), modelUrl: model.url, chromium, ...change },
          searchPath,
        );
        shutdown.add(name, () => bare.stop());
        return bare;
      },
      askedBare: async (text, since) =>
        timeOf(
          await poll('the model to be asked', () =>
            model.requests.findLast(
              ({ kind, view }) => kind === 'turn' && view.texts.at(-1)?.text === text,
            ),
          ),
        ) - since,
    });
  } finally {
    await shutdown.run();
  }
}

function timeOf(request: ModelRequest | undefined): number {
  return request ? Date.parse(request.at) : Number.NaN;
}
