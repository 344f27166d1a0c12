import { setTimeout as sleep } from 'node:timers/promises';

/** One life of a process. `ended` settles when it has ended, however. */
export type Life = { pid: number; ended: Promise<unknown>; stop(): Promise<void> };

/** A process that is started again whenever it ends, as a platform does it. */
export type Member = {
  readonly name: string;
  /** Its process, as long as one runs. */
  readonly pid: number | undefined;
  /** Lives after the first one. */
  readonly restarts: number;
  /** How often it ended without being asked to. */
  readonly ownDeaths: number;
  /**
   * Ends it with SIGKILL, when need be after waiting until it runs, and starts it again after
   * `restartMs` and what `meanwhile` does. Resolves when it runs again; false when it could not be
   * ended.
   */
  crash(restartMs: number, meanwhile?: () => Promise<void>): Promise<boolean>;
  /** The same, `graceMs` after a SIGTERM; it may have ended by then. */
  crashWhileStopping(graceMs: number, restartMs: number): Promise<boolean>;
  /** Stops it by SIGSTOP for this time (ms) and lets it go on. False when it did not run. */
  freeze(ms: number): Promise<boolean>;
  /**
   * Sends it a signal after which it should end without another; resolves true once it has ended
   * and runs again, false when it did not end within `ms`.
   */
  provoke(name: NodeJS.Signals, ms: number): Promise<boolean>;
  /** Ends it for good. */
  stop(): Promise<void>;
};

/** How long a process that ended by itself is left lying (ms). */
const respawnMs = 200;
/** So often a start is tried before the process is left dead. */
const mostTries = 20;

/**
 * Starts the process and keeps it running. `start` throws when it does not come up; at a restart
 * that is tried again.
 */
export async function keepRunning(name: string, start: () => Promise<Life>): Promise<Member> {
  let life: Life | undefined;
  let restarts = 0;
  let ownDeaths = 0;
  let stopped = false;
  let reviving: Promise<void> | undefined;

  const adopt = (started: Life): void => {
    life = started;
    void watch(started);
  };
  const watch = async (started: Life): Promise<void> => {
    await started.ended;
    if (life !== started || stopped) return;
    ownDeaths += 1;
    life = undefined;
    await revive(respawnMs);
  };
  const tryStart = async (): Promise<boolean> => {
    try {
      const started = await start();
      if (stopped) await started.stop();
      else adopt(started);
      return true;
    } catch {
      return false;
    }
  };
  const reviveNow = async (afterMs: number): Promise<void> => {
    await sleep(afterMs);
    for (let tries = 0; tries < mostTries; tries += 1) {
      if (stopped) return;
      restarts += 1;
      if (await tryStart()) return;
      await sleep(respawnMs);
    }
  };
  const revive = (afterMs: number): Promise<void> => (reviving = reviveNow(afterMs));
  const end = async (
    signals: (victim: Life) => Promise<void>,
    restartMs: number,
    meanwhile?: () => Promise<void>,
  ): Promise<boolean> => {
    if (!life) await reviving;
    const victim = life;
    if (!victim || stopped) return false;
    life = undefined;
    await signals(victim);
    await meanwhile?.();
    await revive(restartMs);
    return true;
  };

  adopt(await start());
  return {
    name,
    get pid() {
      return life?.pid;
    },
    get restarts() {
      return restarts;
    },
    get ownDeaths() {
      return ownDeaths;
    },
    crash: (restartMs, meanwhile) => end(killNow, restartMs, meanwhile),
    crashWhileStopping: (graceMs, restartMs) =>
      end(async (victim) => void (await endBy(victim, 'SIGTERM', graceMs)), restartMs),
    async freeze(ms) {
      if (!life) await reviving;
      return life !== undefined && !stopped && (await stopFor(life, ms));
    },
    async provoke(name, ms) {
      let ended = false;
      const provoked = await end(
        async (victim) => void (ended = await endBy(victim, name, ms)),
        respawnMs,
      );
      return provoked && ended;
    },
    async stop() {
      stopped = true;
      await reviving;
      await life?.stop();
    },
  };
}

/** Stops it and lets it go on after `ms`; what has ended in between stays ended. */
async function stopFor(victim: Life, ms: number): Promise<true> {
  signal(victim.pid, 'SIGSTOP');
  await sleep(ms);
  signal(victim.pid, 'SIGCONT');
  return true;
}

/**
 * Sends the signal and, when it has not ended within `ms`, SIGKILL. Resolves whether the first was
 * enough.
 */
async function endBy(victim: Life, name: NodeJS.Signals, ms: number): Promise<boolean> {
  signal(victim.pid, name);
  const ended = await Promise.race([
    victim.ended.then(() => true),
    sleep(ms, false, { ref: false }),
  ]);
  if (!ended) await killNow(victim);
  return ended;
}

async function killNow(victim: Life): Promise<void> {
  signal(victim.pid, 'SIGKILL');
  await victim.ended;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
