import { permissionModes, permissionsOf } from '../agent/settings.ts';
import type { PermissionMode } from '../agent/settings.ts';
import { namesOfAllowed } from '../questions/always-allowed.ts';
import type { Command, CommandAnswer } from './command.ts';
import { effortCommand } from './effort-command.ts';
import { modelCommand } from './model-command.ts';

const modeWords: Record<PermissionMode, string> = {
  ask: 'I ask before I change anything or run a command',
  edits: 'I change files by myself, and ask before I run a command',
  all: 'I work without asking',
};

/** The buttons' titles. */
const modeTitles: Record<PermissionMode, string> = { ask: 'Ask', edits: 'Edits', all: 'All' };

/** The person's settings, which apply until changed. */
export const settingCommands: Command[] = [
  modelCommand,
  effortCommand,
  {
    pattern: /^\/permissions(?:\s+(\S+))?$/i,
    help: { usage: '/permissions ask', does: 'what I may do without asking: ask, edits, all' },
    anytime: true,
    async run(
      { stores: { conversations }, settings: { permissions } },
      { message: { conversation }, argument, context: { fence }, busy },
    ): Promise<CommandAnswer> {
      if (argument.toLowerCase() === 'project') {
        await conversations.write(conversation, fence, { trusted: '' });
        return 'I have forgotten what you said about the project’s own programs, and ask again with your next message.';
      }
      // “edit” is “edits”.
      const wanted = permissionModes.find(
        (mode) => mode === argument.toLowerCase() || mode === `${argument.toLowerCase()}s`,
      );
      if (wanted) {
        // Clears the “always” approvals, so that the confirmation is true.
        await conversations.write(conversation, fence, { permissions: wanted, allowed: '' });
        return `From ${busy ? 'the next task' : 'now'} on: ${modeWords[wanted]}.`;
      }
      const { permissions: chosen, allowed, session } = await conversations.read(conversation);
      const present = permissionsOf(chosen, permissions);
      const lines = permissionModes.map(
        (mode) => `*/permissions ${mode}*: ${modeWords[mode]}${mode === present ? ' (now)' : ''}`,
      );
      const unknown = argument === '' ? [] : ['There is no such mode.', ''];
      const text = [...unknown, ...lines, ...allowedWords(namesOfAllowed(allowed, session))].join(
        '\n',
      );
      return {
        text,
        choices: {
          kind: 'buttons',
          items: permissionModes.map((mode) => ({
            id: `/permissions ${mode}`,
            title: modeTitles[mode],
          })),
          told: true,
        },
      };
    },
  },
  {
    pattern: /^\/verbose$|^\/quiet off$/i,
    help: { usage: '/verbose', does: 'shows each step; /quiet ends that' },
    anytime: true,
    async run({ stores: { conversations } }, { message: { conversation }, context: { fence } }) {
      await conversations.write(conversation, fence, { verbose: 'yes' });
      return 'I show you each step from now on. /quiet ends that.';
    },
  },
  {
    pattern: /^\/quiet$|^\/verbose off$/i,
    anytime: true,
    async run({ stores: { conversations } }, { message: { conversation }, context: { fence } }) {
      await conversations.write(conversation, fence, { verbose: '' });
      return 'Quiet again: I write when there is something to say.';
    },
  },
];

/** How many “always” approvals are listed. */
const mostNamed = 5;

function allowedWords(names: string[]): string[] {
  if (names.length === 0) return [];
  const named = names.slice(-mostNamed).map((name) => `- ${name}`);
  const more = names.length > named.length ? [`- and ${names.length - named.length} more`] : [];
  const intro = 'In this session I also do without asking, since you said always:';
  return ['', intro, ...named, ...more, 'Choosing a mode takes that back.'];
}
