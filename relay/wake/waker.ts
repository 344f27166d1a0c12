import type { Control } from '../../shared/store/redis/pubsub.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { VmState } from '../../shared/store/vm-state.ts';
import type { WakeCall } from './wake-call.ts';

/** The waker's intervals (ms). */
export type WakerTimes = {
  /** After this time waiting people get the message that the computer is waking up. */
  tellMs: number;
  /** After this time they get the message that it does not wake up. */
  giveUpMs: number;
  /** The backoff between two calls: doubles from the first to the last. */
  firstPauseMs: number;
  lastPauseMs: number;
};

export const wakerTimes: WakerTimes = {
  tellMs: 6000,
  giveUpMs: 90_000,
  firstPauseMs: 250,
  lastPauseMs: 10_000,
};

export type WakerDeps = {
  vm: VmState;
  /** Called at each round while the VM wakes. Must not throw. */
  call: WakeCall;
  times: WakerTimes;
  /**
   * Names this wake across relay restarts: returns its start (ms since 1970), which is another one
   * once a worker has lived since.
   */
  begin: (now: number) => Promise<number>;
  /** Ends the wake that began at this time. */
  end: (began: number) => Promise<void>;
  /** Notifies all waiting people. Must not throw. */
  tellWaking: (wake: number, usualMs: number | undefined) => void;
  tellFailing: (wake: number) => void;
  /** Called each time this long (ms) has passed without a sign of life. Must not throw. */
  gone?: { everyMs: number; run: () => void } | undefined;
  log: Log;
  now: () => number;
};

/** One wake, from the first call to the first sign of life. */
type Wake = {
  over: Promise<void>;
  /** A worker has reported that it is ready: look now. */
  hurry(): void;
  stop(): void;
};

/**
 * Calls the wake address until there is a sign of life; notifies waiting people once when it takes
 * long, and once when it takes too long.
 */
function startWake(deps: WakerDeps): Wake {
  const { vm, call, times, begin, end, tellWaking, tellFailing, gone, log, now } = deps;
  let stopped = false;
  let hurried = false;
  let endPause: () => void = () => undefined;
  const hurry = (): void => {
    hurried = true;
    endPause();
  };
  const pause = async (ms: number): Promise<void> => {
    const over = Promise.withResolvers<void>();
    endPause = over.resolve;
    const timeout = setTimeout(over.resolve, hurried ? 0 : ms);
    await over.promise;
    clearTimeout(timeout);
    hurried = false;
  };
  const run = async (): Promise<void> => {
    const began = await begin(now());
    // The monotonic clock: the other may be set back or forward meanwhile.
    const [before, start] = [Math.max(now() - began, 0), performance.now()];
    const sinceBegan = (): number => before + performance.now() - start;
    let told = false;
    let failed = false;
    let goneAfter = gone?.everyMs ?? Infinity;
    /** The time until the next notice is due (ms). */
    const untilNews = (): number =>
      Math.min(
        ...[times.tellMs, times.giveUpMs].map((ms) => ms - sinceBegan()).filter((ms) => ms >= 0),
      ) + 1;
    for (let pauseMs = times.firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, times.lastPauseMs)) {
      void call(began);
      await pause(Math.min(pauseMs, untilNews()));
      if (stopped) return;
      const elapsed = Math.round(sinceBegan());
      if ((await vm.need(now())).heartbeatMs > 0) {
        log.info({ ms: elapsed }, 'the VM is awake');
        await vm.noteWake(elapsed);
        return await end(began);
      }
      const isLong = elapsed > times.tellMs && !told;
      const isTooLong = elapsed > times.giveUpMs && !failed;
      const isGone = elapsed > goneAfter;
      // A worker has lived since, while this process was halted: another wake has begun.
      if ((isLong || isTooLong || isGone) && (await begin(now())) !== began) return;
      if (isLong) {
        told = true;
        tellWaking(began, await vm.usualWake());
      }
      if (isTooLong) {
        failed = true;
        log.error({ ms: elapsed }, 'the VM does not wake up');
        tellFailing(began);
      }
      if (gone && isGone) {
        goneAfter = elapsed + gone.everyMs;
        gone.run();
      }
    }
  };
  return {
    over: run(),
    hurry,
    stop() {
      stopped = true;
      hurry();
    },
  };
}

/** How long after the last sign of life expires the next look comes (ms). */
const graceMs = 100;

/** The longest delay of a Node timer (ms). */
const longestTimer = 2 ** 31 - 1;

/**
 * Keeps the VM awake while it has work. Single-flight: at most one wake is under way, however often
 * it is requested. Its state is in Redis, so a restarted relay continues. It never polls a sleeping
 * VM: it looks after an event, when the last sign of life expires, and when a delayed job is due.
 */
export type Waker = {
  /** There may be work: look, and wake the VM if needed. Never throws. */
  look(): void;
  onControl(control: Control): void;
  stop(): void;
};

export function createWaker(parts: WakerDeps): Waker {
  const { vm, times, log, now } = parts;
  let looking: Promise<void> | undefined;
  let lookAgain = false;
  let timer: NodeJS.Timeout | undefined;
  /** When the timer ends; Infinity without one. */
  let nextLook = Infinity;
  /** When the last sign of life expires. */
  let aliveUntil = 0;
  let stopped = false;
  let wake: Wake | undefined;

  const forgetNextLook = (): void => {
    clearTimeout(timer);
    nextLook = Infinity;
  };
  const lookIn = (ms: number): void => {
    forgetNextLook();
    if (stopped) return;
    nextLook = now() + ms;
    timer = setTimeout(() => start(true), Math.min(Math.max(ms, 0), longestTimer));
  };

  const lookOnce = async (): Promise<void> => {
    // Drops the look that was planned from older state; it is planned again if still needed.
    forgetNextLook();
    const need = await vm.need(now());
    aliveUntil = now() + need.heartbeatMs;
    if (need.work && need.heartbeatMs === 0) {
      wake = startWake(parts);
      await wake.over;
      wake = undefined;
      lookIn(0);
    } else if (need.work) {
      lookIn(need.heartbeatMs + graceMs);
    } else if (need.nextDue !== undefined) {
      lookIn(need.nextDue - now());
    }
  };

  const start = (forced: boolean): void => {
    if (stopped) return;
    if (looking) {
      lookAgain = true;
      return;
    }
    // A worker is alive, and the next look that checks this is already planned.
    if (!forced && now() < aliveUntil && nextLook <= aliveUntil + graceMs) return;
    looking = lookOnce()
      .catch((error: unknown) => {
        log.warn({ err: error }, 'could not check the VM’s state');
        lookIn(times.lastPauseMs);
      })
      .finally(() => {
        looking = undefined;
        if (lookAgain) {
          lookAgain = false;
          start(true);
        }
      });
  };

  return {
    look: () => start(false),
    onControl(control) {
      if (control.kind === 'awake') wake?.hurry();
      // A message may have come in between: the worker's own look before sleeping and this one
      // leave no gap.
      if (control.kind === 'asleep') {
        aliveUntil = 0;
        start(true);
      }
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
      wake?.stop();
    },
  };
}
