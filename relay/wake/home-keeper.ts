import type { Control } from '../../shared/store/redis/pubsub.ts';
import { keys, ofHome } from '../../shared/store/redis/keys.ts';
import type { HomeSuffix } from '../../shared/store/redis/keys.ts';
import type { Log } from '../../shared/runtime/log.ts';
import type { Message } from '../../shared/store/message.ts';
import type { Redis } from '../../shared/store/redis/redis.ts';
import type { TellOwner } from '../../shared/store/owner.ts';
import type { Typing } from '../../shared/delivery/typing.ts';
import { createVmState } from '../../shared/store/vm-state.ts';
import type { Metrics } from '../metrics.ts';
import type { Notices } from '../../shared/delivery/notices.ts';
import { createWakeCall } from './wake-call.ts';
import { createWaker } from './waker.ts';
import type { WakerTimes } from './waker.ts';

/** How the VM of a home is woken; without an address it is always on, and nothing is done. */
export type WakeTarget = {
  home: HomeSuffix;
  name: string;
  address: string | undefined;
  secret: string | undefined;
};

export type HomeKeeperDeps = {
  redis: Redis;
  target: WakeTarget;
  typing: Typing;
  notices: Notices;
  tellOwner: TellOwner;
  /** What happens when the VM has not come up for this long (ms). */
  gone?: { everyMs: number; run: (target: WakeTarget) => void };
  metrics: Metrics;
  times: WakerTimes;
  log: Log;
};

/** Wakes the VM of one home when it has work, and keeps its waiting people informed. */
export type HomeKeeper = {
  /** A message was accepted: "typing…" shows, and the VM wakes. */
  onAccepted(message: Message): void;
  /** There may be other work than a message. */
  look(): void;
  /** What a worker of the home says. */
  onControl(control: Control): void;
  stop(): void;
};

/**
 * While the VM wakes, "typing…" stays on for at most this many people, those who wrote last: each
 * costs a request to Twilio every 20 s.
 */
const mostTyping = 50;

/** How many notices are sent in parallel. */
const toldAtOnce = 20;

/** An unfinished wake is forgotten after this time (ms). */
const longestWake = 3600_000;

/** The notice to the owner when the VM of a home does not wake up; one computer has no name. */
function failedWakeWords(home: HomeSuffix, name: string): string {
  if (home === '')
    return 'The computer does not wake up, so messages wait. Please look whether its machine can start and whether WAKE_URL leads to it. I keep trying.';
  return `The computer “${name}” does not wake up, so messages of its people wait. Please look whether its machine can start and whether its WAKE_ADDRESS leads to it. I keep trying.`;
}

export function createHomeKeeper(deps: HomeKeeperDeps): HomeKeeper {
  const { redis, target, typing, notices, tellOwner, gone, metrics, times, log } = deps;
  const { home, name, address, secret } = target;
  const vm = createVmState(redis, home);
  const waking = ofHome(keys.waking, home);
  /** The last messages of the people who wrote last, for their typing indicators. */
  const lastMessages = new Map<string, string>();

  const tellWaiting = (about: string, wake: number, text: string): void => {
    const tell = async (): Promise<void> => {
      const { conversations } = await vm.waiting(Date.now());
      for (let index = 0; index < conversations.length; index += toldAtOnce) {
        await Promise.all(
          conversations
            .slice(index, index + toldAtOnce)
            .map((conversation) => notices(`${about}.${wake}.${conversation}`, conversation, text)),
        );
      }
    };
    tell().catch((error: unknown) => log.warn({ err: error }, 'could not notify waiting people'));
  };
  const noteLast = (conversation: string, id: string): void => {
    lastMessages.delete(conversation);
    lastMessages.set(conversation, id);
    const [oldest] = lastMessages.keys();
    if (lastMessages.size > mostTyping && oldest !== undefined) lastMessages.delete(oldest);
  };
  const showTyping = async (): Promise<void> => {
    if (lastMessages.size === 0) return;
    for (const conversation of (await vm.waiting(Date.now(), [...lastMessages.keys()]))
      .conversations) {
      const message = lastMessages.get(conversation);
      if (message) void typing.show(conversation, message);
    }
  };
  const call = address
    ? createWakeCall(address, secret, (outcome) => metrics.wakeCalls.inc({ outcome }), log)
    : async () => undefined;
  const waker = createWaker({
    vm,
    times,
    log,
    now: Date.now,
    async call(wake) {
      void showTyping().catch((error: unknown) =>
        log.debug({ err: error }, 'typing indicator failed'),
      );
      await call(wake);
    },
    begin: async (now) => {
      await redis.set(waking, now, 'PX', longestWake, 'NX');
      return Number(await redis.get(waking)) || now;
    },
    end: async (began) => {
      await redis.del(waking);
      metrics.wakeSeconds.observe((Date.now() - began) / 1000);
    },
    tellWaking: (wake, usualMs) =>
      tellWaiting(
        'waking',
        wake,
        `Waking up your computer, about ${Math.max(Math.round((usualMs ?? 20_000) / 1000), 1)} s.`,
      ),
    tellFailing(wake) {
      tellWaiting(
        'not-waking',
        wake,
        'Your computer does not wake up. Your message is kept, and I keep trying.',
      );
      void tellOwner(`wake${home}`, failedWakeWords(home, name));
    },
    gone: gone && { everyMs: gone.everyMs, run: () => gone.run(target) },
  });

  return {
    onAccepted({ conversation, id }) {
      noteLast(conversation, id);
      void typing.show(conversation, id);
      if (address) waker.look();
    },
    look() {
      if (address) waker.look();
    },
    onControl(said) {
      if (!address) return;
      // From here on the worker shows “typing…” itself.
      if (said.kind === 'awake') lastMessages.clear();
      waker.onControl(said);
    },
    stop: () => waker.stop(),
  };
}
