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

export type VmKeeperParts = {
  redis: Redis;
  /** Where the VM is woken; without it the worker is always on and nothing is done. */
  wakeUrl: string | undefined;
  wakeSecret: string | undefined;
  typing: Typing;
  notices: Notices;
  tellOwner: TellOwner;
  metrics: Metrics;
  times: WakerTimes;
  log: Log;
};

/** Wakes the VM when it is needed, and tells those who wait the truth about it. */
export type VmKeeper = {
  /** A message was accepted: "typing…" shows, and the VM wakes. */
  onAccepted(message: Message): void;
  /** There may be something to do that is not a message. */
  look(): void;
  /**
   * Begins to listen for what the worker says, and looks once: an earlier relay may have left a
   * wake unfinished.
   */
  start(): Promise<Running>;
};

/**
 * While the VM wakes, "typing…" is kept showing for so many who have written last: each costs a
 * request to Twilio every 20 s.
 */
const mostTyping = 50;

/** So many are told something at the same time. */
const toldAtOnce = 20;

/** A wake that nobody has ended is forgotten after this time (ms). */
const longestWake = 3600_000;

/** What the owner is told when the VM does not wake up. */
const failedWakeWords =
  'The computer does not wake up, so messages wait. Please look whether its machine can start and whether WAKE_URL leads to it. I keep trying.';

export function createVmKeeper({
  redis,
  wakeUrl,
  wakeSecret,
  typing,
  notices,
  tellOwner,
  metrics,
  times,
  log,
}: VmKeeperParts): VmKeeper {
  const vm = createVmState(redis);
  /** The last message of those who have written last, for their typing indicator. */
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
    tell().catch((error: unknown) => log.warn({ err: error }, 'could not tell who waits'));
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
    call: wakeUrl
      ? createWakeCall(wakeUrl, wakeSecret, (outcome) => metrics.wakeCalls.inc({ outcome }), log)
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
      void showTyping().catch((error: unknown) => log.debug({ err: error }, 'no typing indicator')),
  });

  return {
    onAccepted({ conversation, id }) {
      noteLast(conversation, id);
      void typing.show(conversation, id);
      if (wakeUrl) waker.look();
    },
    look() {
      if (wakeUrl) waker.look();
    },
    async start() {
      if (!wakeUrl) return { stop: async () => undefined };
      const onControl = (said: Control): void => {
        // From here on the worker shows what it does by itself.
        if (said.kind === 'awake') lastMessages.clear();
        waker.onControl(said);
      };
      // It may have fallen asleep unheard.
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
