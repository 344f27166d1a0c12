import type { ChatMessage, PhoneInput, SystemState } from '../../chat.ts';

/** A refusal of the server, in a sentence for the person. */
class Refused extends Error {}

/**
 * Reads and writes of the page. Each throws `Refused` with a sentence when the server refuses or is
 * away.
 */
export type PhoneApi = {
  system(): Promise<SystemState>;
  messages(phone: string): Promise<ChatMessage[]>;
  send(phone: string, input: PhoneInput): Promise<{ sid: string; status: number }>;
  markRead(phone: string): Promise<void>;
  closeWindow(phone: string): Promise<void>;
  allow(phone: string): Promise<void>;
};

export function createPhoneApi(): PhoneApi {
  const chat = (phone: string) => `/api/chats/${encodeURIComponent(phone)}`;
  return {
    system: () => ask('/api/system'),
    messages: (phone) => ask(chat(phone)),
    send: (phone, input) => ask(chat(phone), input),
    markRead: (phone) => ask(`${chat(phone)}/read`, {}),
    closeWindow: (phone) => ask(`${chat(phone)}/close-window`, {}),
    allow: (phone) => ask(`${chat(phone)}/allow`, {}),
  };
}

async function ask<Answer>(path: string, body?: object): Promise<Answer> {
  const request = body
    ? {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }
    : {};
  const response = await fetch(path, request).catch(() => {
    throw new Refused('No connection to the simulator.');
  });
  const answer: unknown =
    response.status === 204 ? undefined : await response.json().catch(() => undefined);
  if (!response.ok)
    throw new Refused(refusalOf(answer) ?? `The simulator answered ${response.status}.`);
  return answer as Answer;
}

function refusalOf(answer: unknown): string | undefined {
  return typeof answer === 'object' &&
    answer &&
    'error' in answer &&
    typeof answer.error === 'string'
    ? answer.error
    : undefined;
}
