import type { Conversation, Conversations } from '../../shared/store/conversation.ts';
import type { Outbox } from '../../shared/store/boxes/outbox.ts';
import { formatMoment } from '../../shared/runtime/time-zone.ts';
import type { TurnContext } from './context.ts';

/**
 * How long after the person's last message WhatsApp allows replies (ms;
 * developers.facebook.com/docs/whatsapp/pricing#customer-service-windows).
 */
export const windowMs = 24 * 3600_000;

/** Work still going on this close (ms) to the window's end may outlast it. */
const nearMs = 3600_000;

/** What happens to an answer when the window is closed. */
export function closedWindowWords(hasTemplate: boolean): string {
  return hasTemplate
    ? 'I send you a short notice by a template, and you get the answer when you write anything'
    : 'the answer waits here until you write anything';
}

/** Warns that the window is about to close. `closesAt` is in ms since 1970. */
export function closingWindowWords(
  closesAt: number,
  timezone: string | undefined,
  hasTemplate: boolean,
): string {
  return `WhatsApp lets me write to you until ${formatMoment(closesAt, timezone ?? 'UTC')}, a day after your last message, and it may close before I am done. Then ${closedWindowWords(hasTemplate)}.`;
}

/**
 * When the window closes (ms since 1970) after the person's last message (ISO 8601); NaN without a
 * known message.
 */
export function closingTime(wroteAt: string | undefined): number {
  return wroteAt === undefined ? NaN : Date.parse(wroteAt) + windowMs;
}

/**
 * Whether work that starts or continues at `at` (ms since 1970) may outlast a window that is open
 * now.
 */
export function mayOutlast(closesAt: number, at: number, now = Date.now()): boolean {
  return closesAt > now && closesAt - at <= nearMs;
}

export type WindowDeps = {
  conversations: Conversations;
  outbox: Outbox;
  hasTemplate: boolean;
  now: () => number;
};

/** What says when the window closes, and how that moment is written. */
type Window = Pick<Conversation, 'wroteAt' | 'timezone'>;

/**
 * Warns the person, once per closing, when work may outlast the window. Sends nothing after it is
 * closed, because it would not arrive. `known` is what the conversation was just now.
 */
export function watchWindow(
  { conversations, outbox, hasTemplate, now }: WindowDeps,
  { conversation, turn, fence, log }: TurnContext,
  known: Window,
): { stop(): void } {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  const look = async ({ wroteAt, timezone }: Window): Promise<void> => {
    const closesAt = closingTime(wroteAt);
    const left = closesAt - now();
    if (isStopped || !(left > 0)) return;
    if (left > nearMs) {
      timer = setTimeout(
        () => void guard(conversations.read(conversation).then(look)),
        left - nearMs + 1,
      );
      return;
    }
    await outbox.put(
      [
        {
          id: `${conversation}.window.${closesAt}`,
          conversation,
          turn,
          text: closingWindowWords(closesAt, timezone, hasTemplate),
          aside: true,
        },
      ],
      fence,
    );
  };
  const guard = (looking: Promise<void>): Promise<void> =>
    looking.catch((error: unknown) =>
      log.warn({ err: error }, 'checking the 24-hour window failed'),
    );
  void guard(look(known));
  return {
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
