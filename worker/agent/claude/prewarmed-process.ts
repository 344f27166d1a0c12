import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { prewarm } from '@anthropic-ai/claude-agent-sdk';
import type { Home } from '../homes/home.ts';
import { createLiveSession } from './session.ts';
import type { LiveSession } from './session.ts';
import { createSessionOptions } from './options.ts';
import { optionsFor, settingsOf, sessionEnvironment } from './start.ts';
import type { SessionDeps, Wanted } from './start.ts';
import { within } from '../../../shared/runtime/timeout.ts';

/**
 * A Claude Code process that is started but not assigned yet; it serves one new session without
 * startup delay.
 */
export type PrewarmedProcess = {
  /** The home that it runs in, as the user of its person. */
  readonly home: Home;
  /** Settles when its process has ended, claimed or not. */
  readonly exited: Promise<void>;
  /**
   * Makes it the process of a new session in its home. Rejects when it has died or may not serve
   * this session, for example in a directory with its own agents; then it is closed, nothing was
   * sent to it, and the session must be started the usual way.
   */
  claim(wanted: Wanted): Promise<LiveSession>;
  close(): Promise<void>;
};

/** Timeouts for the start and for the claim (ms). Measured here: 700 and 100. */
const startMs = 30_000;
const claimMs = 5000;

/**
 * Starts a prewarmed process in a home, in a directory of its own. Chooses the session's id now, so
 * that its processes carry the mark of the session they will serve. `starting` aborts the start.
 * Throws when the process does not start.
 */
export async function startPrewarmedProcess(
  parts: SessionDeps,
  home: Home,
  starting: AbortController,
): Promise<PrewarmedProcess> {
  const { platform } = parts;
  const id = randomUUID();
  const processes = parts.processes.ofSession(id, home.user);
  const parked = path.join(home.directory, 'spare');
  const [environmentOf, model, root] = await Promise.all([
    platform.furnish(home, [parked]),
    platform.admit(),
    platform.roots.park(id),
    platform.clean(home),
  ]);
  starting.signal.throwIfAborted();
  let live: LiveSession | undefined;
  const endProcesses = async (): Promise<void> => {
    await processes.end();
    model.close();
    await platform.roots.remove(root);
  };
  const environment = {
    ...sessionEnvironment(
      platform,
      home,
      { mark: processes.mark, model },
      environmentOf,
      () => live,
    ),
    root,
    project: undefined,
  };
  const options = {
    ...createSessionOptions(optionsFor(parts, home, processes), environment),
    cwd: parked,
    sessionId: id,
    abortController: starting,
    ...(parts.model ? { model: parts.model } : {}),
  };
  const warm = await prewarm({ options, initializeTimeoutMs: startMs }).catch(
    async (error: unknown) => {
      await endProcesses();
      throw error;
    },
  );

  return {
    home,
    exited: warm.exited,
    async claim(wanted) {
      const { conversation, workspace } = wanted;
      const settings = settingsOf(wanted, parts.model);
      try {
        await Promise.all([
          platform.furnish(home, [workspace]),
          platform.roots.link(root, workspace),
        ]);
        model.bind(conversation);
        const start = {
          id,
          workspace,
          processes,
          resumed: false,
          settings,
          grants: '',
          model,
          transcript: (other: string) => platform.transcript(home, other, workspace),
        };
        live = createLiveSession(start, (prompt) =>
          warm.claim({
            prompt,
            options: {
              cwd: workspace,
              permissionMode: settings.permissions,
              ...(settings.model === undefined || settings.model === parts.model
                ? {}
                : { model: settings.model }),
              // Prewarmed without an effort; the first prompt waits until this one is applied.
              ...(settings.effort ? { settings: { effortLevel: settings.effort } } : {}),
            },
          }),
        );
        await within(claimMs, warm.claimed, () => {
          throw new Error(`it was not claimed within ${claimMs} ms`);
        });
        return live;
      } catch (error) {
        await live?.close();
        await endProcesses();
        throw error;
      }
    },
    async close() {
      warm.close();
      await endProcesses();
    },
  };
}
