import { permissionModes } from '../agent/agent.ts';
import type { PermissionMode } from '../agent/agent.ts';
import { namesOfAllowed } from '../questions/always-allowed.ts';
import type { Command, CommandAnswer } from './command.ts';

const modeWords: Record<PermissionMode, string> = {
  ask: 'I ask before I change anything or run a command',
  edits: 'I change files by myself, and ask before I run a command',
  all: 'I work without asking',
};

/** The buttons' titles. */
const modeTitles: Record<PermissionMode, string> = { ask: 'Ask', edits: 'Edits', all: 'All' };

const modelHelp =
  '*/model opus*, */model sonnet* or */model haiku* changes it, and so does a model’s full name. */model default* leads back to the usual one.';

/** The person's settings, which apply until changed. */
export const settingCommands: Command[] = [
  {
    pattern: /^\/model(?:\s+(\S+))?$/i,
    help: { usage: '/model opus', does: 'the model I think with' },
    anytime: true,
    async run(
      { conversations },
      { message: { conversation }, argument, context: { fence }, busy },
    ): Promise<CommandAnswer> {
      const { model } = await conversations.read(conversation);
      if (argument === '')
        return {
          text: `${model ? `The model is ${model}.` : 'The model is the usual one.'}\n\n${modelHelp}`,
          choices: {
            kind: 'buttons',
            items: ['Opus', 'Sonnet', 'Haiku'].map((title) => ({
              id: `/model ${title.toLowerCase()}`,
              title,
            })),
            told: true,
          },
        };
      if (!/^[\w.:@/[\]-]{1,80}$/.test(argument))
        return 'That is not a model’s name. Text for example “/model sonnet”.';
      const isDefault = argument.toLowerCase() === 'default';
      await conversations.write(conversation, fence, { model: isDefault ? '' : argument });
      return `${isDefault ? 'The usual model' : `The model ${argument}`} from ${busy ? 'the next task' : 'now'} on.`;
    },
  },
  {
    pattern: /^\/permissions(?:\s+(\S+))?$/i,
    help: { usage: '/permissions ask', does: 'what I may do without asking: ask, edits, all' },
    anytime: true,
    async run(
      { conversations, permissions },
      { message: { conversation }, argument, context: { fence }, busy },
    ): Promise<CommandAnswer> {
      if (argument.toLowerCase() === 'project') {
        await conversations.write(conversation, fence, { trusted: '' });
        return 'I have forgotten what you said about the project’s own programs, and ask again with your next message.';
      }
      const wanted = permissionModes.find((mode) => mode === argument.toLowerCase());
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
      const text = [...lines, ...allowedWords(namesOfAllowed(allowed, session))].join('\n');
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
    pattern: /^\/verbose$/i,
    help: { usage: '/verbose', does: 'shows each step; /quiet ends that' },
    anytime: true,
    async run({ conversations }, { message: { conversation }, context: { fence } }) {
      await conversations.write(conversation, fence, { verbose: 'yes' });
      return 'I show you each step from now on. /quiet ends that.';
    },
  },
  {
    pattern: /^\/quiet$/i,
    anytime: true,
    async run({ conversations }, { message: { conversation }, context: { fence } }) {
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

/** The effective mode: the person's choice, else the configured one. */
export function permissionsOf(chosen: string | undefined, usual: PermissionMode): PermissionMode {
  return permissionModes.find((mode) => mode === chosen) ?? usual;
}
