import type { Running } from '../shared/lifecycle.ts';
import type { Log } from '../shared/log.ts';
import { Message } from '../shared/message.ts';
import type { Messenger, Remembered } from '../shared/messenger.ts';
import type { Intake } from './intake.ts';

/** How far back Twilio is asked, and how often (ms): a day, every hour. */
const lookBackMs = 24 * 3600_000;
const everyMs = 3600_000;

export type GapRepairParts = {
  messenger: Messenger;
  /** Whether a message was accepted before. */
  isKnown: (id: string) => Promise<boolean>;
  isAllowed: (sender: string) => boolean;
  accept: Intake;
  onAccepted: (message: Message) => void;
  log: Log;
};

/**
 * Takes in what Twilio has and the relay never saw: messages that came while it was down, or whose webhook failed for good. Runs at the start
 * and hourly. `repair` returns how many messages were taken in; it throws when Twilio or Redis are away.
 */
export function createGapRepair(parts: GapRepairParts): { repair: (now: Date) => Promise<number>; start: () => Running } {
  const repair = async (now: Date): Promise<number> => {
    let repaired = 0;
    for (const remembered of await parts.messenger.received(new Date(now.getTime() - lookBackMs))) {
      const message = toMessage(remembered, now);
      if (!message || !parts.isAllowed(message.conversation) || (await parts.isKnown(message.id))) continue;
      const { outcome, turn } = await parts.accept(message);
      if (outcome !== 'new') continue;
      repaired += 1;
      parts.log.warn({ turn, message: message.id, conversation: message.conversation }, 'took in a message that its webhook did not bring');
      parts.onAccepted(message);
    }
    return repaired;
  };
  const run = (): void => {
    repair(new Date()).catch((error: unknown) => parts.log.warn({ err: error }, 'could not ask Twilio for missed messages'));
  };
  return {
    repair,
    start() {
      run();
      const timer = setInterval(run, everyMs);
      return { stop: async () => clearInterval(timer) };
    },
  };
}

function toMessage(remembered: Remembered, now: Date): Message | undefined {
  const { id, from, text, media } = remembered;
  return Message.safeParse({ id, conversation: from, at: now.toISOString(), text, media }).data;
}
