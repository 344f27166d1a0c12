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
    dashboardUrl: undefined,
  };
  const bench: PhoneBench = { phone: undefined as never, chat, system, turns, errors };
  const phone = await runPhone({
    port,
    chat,
    system: () => bench.system,
    allow: async (allowed) => {
      bench.system = { ...bench.system, allowed: [...(bench.system.allowed ?? []), allowed] };
      phone.announce(bench.system);
    },
    turnState: async (sid) => turns.get(sid) ?? 'waiting',
    report: (error) => errors.push(error),
  });
  bench.phone = phone;
  try {
    return await use(bench);
  } finally {
    await phone.stop();
  }
}

/** A picture of one pixel. */
export const PIXEL = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
