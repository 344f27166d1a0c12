import { setTimeout as sleep } from 'node:timers/promises';
import { deliverSigned } from '../twilio/signed-delivery.ts';
import type { Twin } from '../twilio/twin.ts';
import type { PlannedMessage } from './plan.ts';
import type { SentMessage } from './verdict.ts';

export type SenderDeps = {
  twin: Twin;
  webhookUrl: string;
  authToken: string;
  signal: AbortSignal;
};

/** The pause before a webhook that failed for good is delivered again (ms), as a backfill would. */
const repairMs = 700;

/**
 * Sends one planned message from its phone and ensures that it is accepted: a message that the
 * relay did not take is delivered again under the same id, until the signal aborts. `sent` has the
 * message as soon as it has an id. Late copies are sent in addition.
 */
async function send(
  { twin, webhookUrl, authToken, signal }: SenderDeps,
  plan: PlannedMessage,
  sent: SentMessage[],
): Promise<void> {
  const sentAt = Date.now();
  const { sid } = await twin.chat.receive(plan.conversation, { text: plan.text });
  const attempts = twin.memory.webhooks.filter((attempt) => attempt.params['MessageSid'] === sid);
  const taken = attempts
    .filter((attempt) => attempt.status === 200)
    .map((attempt) => Date.parse(attempt.at));
  const message: SentMessage = {
    label: plan.label,
    conversation: plan.conversation,
    sid,
    sentAt,
    acceptedAt: taken.length > 0 ? Math.min(...taken) : undefined,
  };
  sent.push(message);
  const params = attempts[0]?.params;
  if (!params) return;
  const deliver = async (): Promise<void> => {
    await deliverSigned(webhookUrl, params, authToken, signal, ({ status }) => {
      if (status === 200) message.acceptedAt ??= Date.now();
    });
  };
  while (message.acceptedAt === undefined && !signal.aborted) {
    await pause(repairMs, signal);
    await deliver();
  }
  if (plan.lateCopyMs === undefined) return;
  await pause(plan.lateCopyMs, signal);
  if (!signal.aborted) await deliver();
}

/** Waits, or returns immediately when the signal aborts. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/**
 * Sends the whole schedule, each message at its time. Resolves when all are accepted, or the signal
 * aborts.
 */
export async function sendAll(
  parts: SenderDeps,
  messages: PlannedMessage[],
  startedAt: number,
  sent: SentMessage[],
): Promise<void> {
  await Promise.all(
    messages.map(async (plan) => {
      await pause(Math.max(startedAt + plan.atMs - Date.now(), 0), parts.signal);
      if (!parts.signal.aborted) await send(parts, plan, sent);
    }),
  );
}
