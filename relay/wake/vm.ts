import { channels, listenToControl } from '../../shared/store/redis/pubsub.ts';
import type { Control } from '../../shared/store/redis/pubsub.ts';
import { keys } from '../../shared/store/redis/keys.ts';
import type { Running } from '../../shared/runtime/lifecycle.ts';
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

/** How the VM is woken; without a `url` the worker is always on and nothing is done. */
export type WakeSettings = {
  url: string | undefined;
  secret: string | undefined;
  times: WakerTimes;
};

/** What reaches the people who wait, and the owner. */
export type WakeChat = { typing: Typing; notices: Notices; tellOwner: TellOwner };

/** Wakes the VM when it has work, and tells waiting people how it stands. */
export type VmKeeper = {
  /** A message was accepted: "typing…" shows, and the VM wakes. */
  onAccepted(message: Message): void;
  /** There may be other work than a message. */
  look(): void;
  /**
   * Begins to listen for the worker's signals, and looks once: an earlier relay may have left a
   * wake unfinished.
   */
  start(): Promise<Running>;
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

/** The notice to the owner when the VM does not wake up. */
const failedWakeWords =
  'The computer does not wake up, so messages wait. Please look whether its machine can start and whether WAKE_URL leads to it. I keep trying.';

export function createVmKeeper(
  redis: Redis,
  { url, secret, times }: WakeSettings,
  { typing, notices, tellOwner }: WakeChat,
  metrics: Metrics,
  log: Log,
): VmKeeper {
  const vm = createVmState(redis);
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
  const waker = createWaker({
    vm,
    times,
    log,
    now: Date.now,
    call: url
      ? createWakeCall(url, secret, (outcome) => metrics.wakeCalls.inc({ outcome }), log)
      : async () => undefined,
    begin: async (now) => {
      await redis.set(keys.waking, now, 'PX', longestWake, 'NX');
      return Number(await redis.get(keys.waking)) || now;
    },
    end: async (began) => {
      await redis.del(keys.waking);
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
      void tellOwner('wake', failedWakeWords);
    },
    onRound: () =>
      void showTyping().catch((error: unknown) =>
        log.debug({ err: error }, 'typing indicator failed'),
      ),
  });

  return {
    onAccepted({ conversation, id }) {
      noteLast(conversation, id);
      void typing.show(conversation, id);
      if (url) waker.look();
    },
    look() {
      if (url) waker.look();
    },
    async start() {
      if (!url) return { stop: async () => undefined };
      const onControl = (said: Control): void => {
        // From here on the worker shows “typing…” itself.
        if (said.kind === 'awake') lastMessages.clear();
        waker.onControl(said);
      };
      // The VM may have fallen asleep while the connection was away.
      const control = await listenToControl(
        redis,
        onControl,
        () => waker.onControl({ kind: 'asleep', nextDue: 0 }),
        channels.exceptMessages,
      );
      waker.look();
      return {
        async stop() {
          waker.stop();
          await control.stop();
        },
      };
    },
  };
}
