import { withdrawnWords } from '../message-words.ts';
import type { Command } from './command.ts';

/** Ending what runs, trying again, and putting something in the line. */
export const turnCommands: Command[] = [
  {
    // A stop that meets a running turn ends it before any command is looked for; this one stops what has not begun.
    pattern: /^\/?stop[.!]?$/i,
    help: { usage: '/stop', does: 'ends what I am doing, at once' },
    anytime: true,
    async run({ inbox, outbox }, { message: { id, conversation }, context: { turn, fence } }) {
      const waiting = (await inbox.read(conversation)).map((message) => message.id);
      const before = waiting.slice(0, waiting.indexOf(id));
      const withdrawn = withdrawnWords(await outbox.withdraw(fence, conversation));
      const text = before.length > 0 ? `Stopped before I began.${withdrawn}` : withdrawn === '' ? 'Nothing is running.' : `Stopped.${withdrawn}`;
      await outbox.put([{ id: `${id}.stopped`, conversation, turn, text, urgent: true }], fence, { conversation, ids: [...before, id], state: 'answered' });
      return undefined;
    },
  },
  {
    pattern: /^\/?retry[.!]?$/i,
    help: { usage: '/retry', does: 'tries again what did not work' },
    anytime: false,
    firstOnly: true,
    async run({ inbox }, { message, context: { fence } }) {
      return (await inbox.bringBack(fence, message.conversation, message.id)) > 0 ? undefined : 'There is nothing to try again.';
    },
  },
  {
    pattern: /^\/queue$/i,
    help: { usage: '/queue fix the footer, too', does: 'I do it after what I am doing now' },
    anytime: true,
    run: async () => 'Write what comes next, such as “/queue fix the footer, too”. Without /queue I hear it at once.',
  },
];
