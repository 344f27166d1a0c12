import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { ChatMessage, PhoneInput, SystemState } from '../chat.ts';
import type { TurnState } from './chat-source.ts';

/** Nothing answers at the address of the simulated phone. */
export class NotRunning extends Error {
  constructor() {
    super('Sidepocket is not running here. Start it with: npm start');
  }
}

/** The simulated phone refused, in a sentence. */
export class PhoneRefused extends Error {}

/** The simulated phone from another process. Each call throws `NotRunning` or `PhoneRefused`. */
export type PhoneClient = {
  system(): Promise<SystemState>;
  /** The chat with what is still on its way to the phone, as `queued`. */
  messages(phone: string): Promise<ChatMessage[]>;
  send(phone: string, input: PhoneInput): Promise<{ sid: string; status: number }>;
  turn(sid: string): Promise<TurnState>;
};

const running = z.looseObject({ phoneUrl: z.url({ protocol: /^https?$/ }) });

/**
 * The address that a running system has recorded for other processes. Throws `NotRunning` without a
 * running system.
 */
export async function findPhoneUrl(runningFile: string): Promise<string> {
  try {
    return running.parse(JSON.parse(await readFile(runningFile, 'utf8'))).phoneUrl;
  } catch {
    throw new NotRunning();
  }
}

export function createPhoneClient(url: string): PhoneClient {
  const chat = (phone: string) => `/api/chats/${encodeURIComponent(phone)}`;
  return {
    system: () => ask(url, '/api/system'),
    messages: (phone) => ask(url, `${chat(phone)}?underway=1`),
    send: (phone, input) => ask(url, chat(phone), input),
    turn: async (sid) => (await ask<{ state: TurnState }>(url, `/api/turns/${sid}`)).state,
  };
}

async function ask<Answer>(url: string, path: string, body?: object): Promise<Answer> {
  const request = body
    ? {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }
    : {};
  const response = await fetch(new URL(path, url), request).catch(() => {
    throw new NotRunning();
  });
  const answer: unknown = await response.json().catch(() => undefined);
  if (response.ok) return answer as Answer;
  const sentence =
    typeof answer === 'object' && answer && 'error' in answer
      ? String(answer.error)
      : `${path} answered ${response.status}.`;
  throw new PhoneRefused(sentence);
}
