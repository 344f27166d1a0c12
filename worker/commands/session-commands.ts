import { cut } from '../../shared/runtime/cut.ts';
import type { Session } from '../../shared/store/sessions.ts';
import { anewName } from '../turn/format-messages.ts';
import { agoInWords } from './format-age.ts';
import type { Command, CommandAnswer } from './command.ts';

/** How many sessions are listed; a WhatsApp list has ten lines. */
const listed = 10;

/** Starting a new session and returning to an earlier one. */
export const sessionCommands: Command[] = [
  {
    // With a text behind it the message is worked: the turn begins a session for it.
    pattern: new RegExp(`^${anewName}$`, 'i'),
    help: { usage: '/new, /new look at x', does: 'a fresh conversation; the files stay' },
    anytime: false,
    async run({ stores: { conversations } }, { message, context: { fence } }) {
      const { session } = await conversations.read(message.conversation);
      await conversations.write(message.conversation, fence, { session: '', follows: '' });
      return session === undefined
        ? 'This is a fresh conversation already.'
        : 'A fresh start. Your files are still here, and /sessions leads back.';
    },
  },
  {
    pattern: /^\/sessions$/i,
    help: { usage: '/sessions', does: 'earlier conversations' },
    anytime: true,
    async run(
      { stores: { conversations, sessions } },
      { message: { conversation } },
    ): Promise<CommandAnswer> {
      const [{ session: current }, all] = await Promise.all([
        conversations.read(conversation),
        sessions.list(conversation, listed),
      ]);
      if (all.length === 0) return 'There are no earlier conversations yet.';
      const lines = all.map(
        (session, index) =>
          `${index + 1}. ${shorten(session.title, 60)} (${session.id === current ? 'now' : agoInWords(session.usedAt, Date.now())})`,
      );
      const other = all.findIndex((session) => session.id !== current) + 1;
      const text = `${lines.join('\n')}\n\n${other === 0 ? 'There is no other yet.' : `Text “/resume ${other}” to go back to number ${other}, or reply to one of my answers there.`}`;
      return all.length === 1
        ? text
        : {
            text,
            choices: { kind: 'list', button: 'Go back to', items: all.map(asItem), told: true },
          };
    },
  },
  {
    pattern: /^\/resume(?:\s+(.+))?$/i,
    help: { usage: '/resume 2', does: 'goes back to number 2 of them' },
    anytime: false,
    async run(
      { stores: { conversations, sessions } },
      { message: { conversation }, argument, context: { fence } },
    ) {
      const all = await sessions.list(conversation, listed);
      const wanted = argument.replace(/^#/, '');
      const found =
        all.find(({ id }) => id === wanted) ??
        (/^\d{1,2}$/.test(wanted) ? all[Number(wanted) - 1] : undefined);
      if (!found)
        return wanted === ''
          ? 'Which one? /sessions lists them.'
          : `There is no conversation ${cut(wanted, 40)}. /sessions lists them.`;
      await conversations.write(conversation, fence, { session: found.id, follows: '' });
      return `Back in “${shorten(found.title, 80)}”.`;
    },
  },
];

/** A tapped item identifies its session by id, since numbers change. */
function asItem({ id, title, usedAt }: Session): {
  id: string;
  title: string;
  description: string;
} {
  return { id: `/resume ${id}`, title, description: agoInWords(usedAt, Date.now()) };
}

function shorten(text: string, most: number): string {
  return cut(text, most) || 'without a title';
}
