import { z } from 'zod';

/**
 * How a message counts: one from a person, and ours as a text, with a file, with buttons (Twilio's
 * contents within the 24-hour window), or as a template outside it.
 */
export const messageKinds = ['received', 'text', 'file', 'buttons', 'template'] as const;
export type MessageKind = (typeof messageKinds)[number];

/** Dollars for one message of each kind: Twilio's part, and Meta's. */
export type MessageFees = { twilio: number; meta: Record<MessageKind, number> };

/** What is needed to turn the meters into dollars; undefined where it is not known. */
export type MeterPrices = {
  fees: MessageFees;
  usdPerHour: number | undefined;
  /** What a month without any use costs (US dollars). */
  idleUsd: number | undefined;
  /** What a month may cost (US dollars), before it was raised. */
  budgetUsd: number | undefined;
};

/** The date of the fees below. */
export const feesDate = '2026-11-30';

/**
 * Twilio takes $0.005 for each message in and out (twilio.com/whatsapp/pricing); Meta takes nothing
 * for messages within the 24-hour window. For a template it takes what its rate card says for the
 * phone's country; $0.004 is an assumption, not looked up; the variable replaces it.
 */
export const usualFees: MessageFees = {
  twilio: 0.005,
  meta: { received: 0, text: 0, file: 0, buttons: 0, template: 0.004 },
};

/** Whether these are the fees above, or a variable has replaced some. */
export function areUsual({ twilio, meta }: MessageFees): boolean {
  return (
    twilio === usualFees.twilio && messageKinds.every((kind) => meta[kind] === usualFees.meta[kind])
  );
}

/** The variable that replaces fees, as JSON, such as `{"twilio": 0.005, "template": 0.0134}`. */
export const MessageFeesVariable = z
  .strictObject({
    twilio: z.number().min(0).max(10).optional(),
    template: z.number().min(0).max(10).optional(),
  })
  .transform(({ twilio = usualFees.twilio, template = usualFees.meta.template }): MessageFees => ({
    twilio,
    meta: { ...usualFees.meta, template },
  }));

/** What messages have cost (US dollars): Twilio's part, and Meta's. */
export function feesOf(
  messages: Record<MessageKind, number>,
  fees: MessageFees = usualFees,
): { twilioUsd: number; metaUsd: number } {
  // Sums of fractions of a dollar are inexact; sums of millionths are exact.
  const micros = { twilio: 0, meta: 0 };
  for (const kind of messageKinds) {
    micros.twilio += messages[kind] * Math.round(fees.twilio * 1e6);
    micros.meta += messages[kind] * Math.round(fees.meta[kind] * 1e6);
  }
  return { twilioUsd: micros.twilio / 1e6, metaUsd: micros.meta / 1e6 };
}
