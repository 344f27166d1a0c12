import { setTimeout as sleep } from 'node:timers/promises';

/**
 * One life of a process. `ended` settles when it has ended, for any reason: true if by itself, with
 * exit code 0.
 */
export type Life = {
  pid: number;
  ended: Promise<boolean>;
  stop(): Promise<void>;
};

/**
 * A process that is restarted whenever it ends, as a platform does. One that may sleep is off once
 * it has ended by itself with exit code 0, until it is woken.
 */
export type Member = {
  readonly name: string;
  /** Its process, as long as one runs. */
  readonly pid: number | undefined;
  /** Lives after the first one. */
  readonly restarts: number;
  /** How often it ended on its own. */
  readonly ownDeaths: number;
  /**
   * Kills it with SIGKILL, if necessary after waiting until it runs, and restarts it after
   * `restartMs` and `meanwhile`. Resolves when it runs again; false when it could not be killed. An
   * asleep one is started, too, if there is something to do meanwhile.
   */
  crash(restartMs: number, meanwhile?: () => Promise<void>): Promise<boolean>;
  /** The same, `graceMs` after a SIGTERM; it may have ended by then. */
  crashWhileStopping(graceMs: number, restartMs: number): Promise<boolean>;
  /** Suspends it with SIGSTOP for this time (ms) and resumes it. False when it was not running. */
  freeze(ms: number): Promise<boolean>;
  /**
   * Sends it a signal after which it should end without another; resolves true once it has ended
   * and runs again, false when it did not end within `ms`.
   */
  provoke(name: NodeJS.Signals, ms: number): Promise<boolean>;
  /** Starts it if it is asleep. Resolves whether it runs then. */
  wake(): Promise<boolean>;
  /** Ends it for good. */
  stop(): Promise<void>;
};

/** The pause before a process that ended on its own is restarted (ms). */
const respawnMs = 200;
/** How often the first start is tried. */
const firstTries = 3;
/** The number of start attempts before the process is left dead. */
const mostTries = 20;

/**
 * Starts the process and keeps it running. `start` throws when the process does not come up; a
 * restart is then retried.
 */
export async function keepRunning(
  name: string,
  start: () => Promise<Life>,
  { maySleep = false }: { maySleep?: boolean } = {},
): Promise<Member> {
  const ending = new AbortController();
  let isAsleep = false;
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
    const isDone = await started.ended;
    if (life !== started || stopped) return;
    life = undefined;
    if (maySleep && isDone) {
      isAsleep = true;
      return;
    }
    ownDeaths += 1;
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
  const pause = async (ms: number): Promise<void> => {
    await sleep(ms, undefined, { signal: ending.signal }).catch(() => undefined);
  };
  const reviveNow = async (afterMs: number): Promise<void> => {
    await pause(afterMs);
    for (let tries = 0; tries < mostTries; tries += 1) {
      if (stopped) return;
      restarts += 1;
      if (await tryStart()) return;
      await pause(respawnMs);
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
    if (stopped || (!victim && !(isAsleep && meanwhile))) return false;
    life = undefined;
    isAsleep = false;
    if (victim) await signals(victim);
    await meanwhile?.();
    await revive(restartMs);
    return true;
  };

  adopt(await startFirst(start));
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
    async wake() {
      if (isAsleep && !stopped) {
        isAsleep = false;
        await revive(0);
      }
      return life !== undefined;
    },
    async stop() {
      stopped = true;
      ending.abort();
      await reviving;
      await life?.stop();
    },
  };
}

/** The first start: on a busy machine the guard of the event loop may end it. */
async function startFirst(start: () => Promise<Life>, tries = firstTries): Promise<Life> {
  try {
    return await start();
  } catch (error) {
    if (tries === 1) throw error;
    return await startFirst(start, tries - 1);
  }
}

/** Suspends it and resumes it after `ms`; a process that has ended meanwhile stays ended. */
async function stopFor(victim: Life, ms: number): Promise<true> {
  signal(victim.pid, 'SIGSTOP');
  await sleep(ms);
  signal(victim.pid, 'SIGCONT');
  return true;
}

/**
 * Sends the signal and, when it has not ended within `ms`, SIGKILL. Resolves whether the first
 * signal was enough.
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
    // It has ended on its own.
  }
}
