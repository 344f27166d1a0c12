import type { SystemState } from '../../simulator/chat.ts';
import type { TurnState } from '../../simulator/phone/chat-source.ts';
import { runPhone } from '../../simulator/phone/phone.ts';
import type { Phone } from '../../simulator/phone/phone.ts';
import { MemoryChat } from './memory-chat.ts';

export const ANNA = '+15555550100';
export const BERT = '+15555550101';

export type PhoneBench = {
  phone: Phone;
  chat: MemoryChat;
  system: SystemState;
  turns: Map<string, TurnState>;
  errors: unknown[];
};

/** Runs the phone on a chat in memory for as long as `use` takes. */
export async function withPhone<Result>(
  use: (bench: PhoneBench) => Promise<Result>,
  port = 0,
): Promise<Result> {
  const chat = new MemoryChat();
  const turns = new Map<string, TurnState>();
  const errors: unknown[] = [];
  const system: SystemState = {
    number: '+14155238886',
    phones: [ANNA, BERT],
    vm: 'awake',
    model: 'real',
    dashboardUrl: null,
  };
  const phone = await runPhone({
    port,
    chat,
    system: () => system,
    turnState: async (sid) => turns.get(sid) ?? 'waiting',
    report: (error) => errors.push(error),
  });
  try {
    return await use({ phone, chat, system, turns, errors });
  } finally {
    await phone.stop();
  }
}

/** A picture of one pixel. */
export const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
