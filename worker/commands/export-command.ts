import type { Command } from './command.ts';

/** A copy of the conversation for the person. */
export const exportCommands: Command[] = [
  {
    pattern: /^\/export$/i,
    help: { usage: '/export', does: 'a copy of our conversation, with its pictures' },
    anytime: true,
    async run({ stores: { exporter, conversations } }, { message: { conversation }, context }) {
      const { timezone = 'UTC' } = await conversations.read(conversation);
      const made = await exporter.make(conversation, timezone, context.signal);
      if (!made)
        return 'There is no room for a copy now: it may have 32 MB, and what I have stored for you takes its place for a day. Please try again later.';
      const { url, messages, older, missing } = made;
      const cut =
        older === 0
          ? ''
          : ` It is full: the oldest ${older === 1 ? 'message is' : `${older} messages are`} not in it.`;
      const left =
        missing === 0
          ? ''
          : ` ${missing === 1 ? 'One picture is' : `${missing} pictures are`} not in it: no longer kept, or too large.`;
      return `Our conversation, ${messages} ${messages === 1 ? 'message' : 'messages'}, as a page and as Markdown:\n${url}\nThe link works once, for 15 minutes; the files stay for a day.${cut}${left}`;
    },
  },
];
