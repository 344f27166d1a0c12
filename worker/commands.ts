import type { Fence, Inbox } from '../shared/inbox.ts';
import type { Message } from '../shared/message.ts';
import type { Outbox } from '../shared/outbox.ts';
import type { Schedules } from '../shared/schedules.ts';
import { chunk } from './reply/chunk.ts';
import { scheduleLine, scheduleWords } from './schedule-words.ts';

export type CommandParts = { inbox: Inbox; outbox: Outbox; schedules: Schedules };

/** The message that is a command, and the turn that works it. */
export type CommandCall = { message: Message; turn: string; fence: Fence };

/** A text that the worker itself obeys instead of Claude. `run` returns what to say to the person; undefined when the message is dealt with already. */
type Command = {
  pattern: RegExp;
  /** It counts without a slash also when something was said before it. */
  anywhere?: boolean;
  run: (parts: CommandParts, call: CommandCall, argument: string) => Promise<string | undefined>;
};

const commands: Command[] = [
  {
    // A stop that meets a running turn never comes here; this one stops what has not begun.
    pattern: /^\/?stop[.!]?$/i,
    anywhere: true,
    async run({ inbox, outbox }, { message, turn, fence }) {
      const waiting = (await inbox.read(message.conversation)).map(({ id }) => id);
      const before = waiting.slice(0, waiting.indexOf(message.id));
      const text = before.length === 0 ? 'Nothing is running.' : 'Stopped before I began.';
      await outbox.put([{ id: `${message.id}.stopped`, conversation: message.conversation, turn, text }], fence, { conversation: message.conversation, ids: [...before, message.id], state: 'answered' });
      return undefined;
    },
  },
  {
    pattern: /^\/?retry$/i,
    async run({ inbox }, { message, fence }) {
      return (await inbox.bringBack(fence, message.conversation, message.id)) > 0 ? undefined : 'There is nothing to try again.';
    },
  },
  {
    pattern: /^\/schedules$/i,
    async run({ schedules }, { message }) {
      const present = await schedules.list(message.conversation);
      if (present.length === 0) return 'Nothing is scheduled. Ask me for something such as “every weekday at 9 look at the deploy log”.';
      const [first] = present;
      return `${present.map(scheduleLine).join('\n')}\n\nText “/schedules cancel ${first?.number ?? 1}” to cancel number ${first?.number ?? 1}.`;
    },
  },
  {
    pattern: /^\/schedules\s+(.+)$/is,
    async run({ schedules }, { message }, argument) {
      const number = /^(?:cancel|delete|remove)\s+#?(\d{1,9})\.?$/i.exec(argument.trim())?.[1];
      if (number === undefined) return 'Text “/schedules” for the list, or “/schedules cancel 2” to cancel number 2.';
      const cancelled = await schedules.cancel(message.conversation, Number(number));
      return cancelled ? `Cancelled: ${scheduleWords(cancelled)}, “${cancelled.prompt.slice(0, 100)}”.` : `There is no schedule ${number}. Text “/schedules” for the list.`;
    },
  },
];

/** Finds the first command among a conversation's messages. A word without a slash is one only when nothing was said before it. */
export function findCommand(messages: Message[]): { message: Message; run: (parts: CommandParts, call: CommandCall) => Promise<string | undefined> } | undefined {
  for (const [index, message] of messages.entries()) {
    const text = message.text.trim();
    for (const { pattern, anywhere = false, run } of commands) {
      const match = pattern.exec(text);
      if (match && (anywhere || index === 0 || text.startsWith('/'))) return { message, run: (parts, call) => run(parts, call, match[1] ?? '') };
    }
  }
  return undefined;
}

/** Obeys every command among the waiting messages, each answered in the step that takes it out of the inbox. Returns the messages that are left for Claude. */
export async function obeyCommands(parts: CommandParts, messages: Message[], turn: string, fence: Fence): Promise<Message[]> {
  const found = findCommand(messages);
  if (!found) return messages;
  const { id, conversation } = found.message;
  const text = await found.run(parts, { message: found.message, turn, fence });
  if (text !== undefined) {
    const replies = chunk(text).map((part, index) => ({ id: `${id}.command.${index + 1}`, conversation, turn, text: part }));
    await parts.outbox.put(replies, fence, { conversation, ids: [id], state: 'answered' });
  }
  return await obeyCommands(parts, await parts.inbox.read(conversation), turn, fence);
}
