import { permissionModes } from '../agent/agent.ts';
import type { PermissionMode } from '../agent/agent.ts';
import type { Command } from './command.ts';

const modeWords: Record<PermissionMode, string> = {
  ask: 'I ask before I change anything or run a command',
  edits: 'I change files by myself, and ask before I run a command',
  all: 'I work without asking',
};

/** The person's choices, which hold until they choose again. */
export const settingCommands: Command[] = [
  {
    pattern: /^\/model(?:\s+(\S+))?$/i,
    help: { usage: '/model opus', does: 'the model I think with' },
    anytime: true,
    async run({ conversations }, { message: { conversation }, argument, context: { fence }, busy }) {
      const { model } = await conversations.read(conversation);
      if (argument === '') return `${model ? `The model is ${model}.` : 'The model is the usual one.'} Text “/model opus”, “/model sonnet”, “/model haiku” or a model's full name to change it; “/model default” for the usual one.`;
      if (!/^[\w.:@/[\]-]{1,80}$/.test(argument)) return 'That is not a model’s name. Text for example “/model sonnet”.';
      const isDefault = argument.toLowerCase() === 'default';
      await conversations.write(conversation, fence, { model: isDefault ? '' : argument });
      return `${isDefault ? 'The usual model' : `The model ${argument}`} from ${busy ? 'the next task' : 'now'} on.`;
    },
  },
  {
    pattern: /^\/permissions(?:\s+(\S+))?$/i,
    help: { usage: '/permissions ask', does: 'what I may do without asking: ask, edits, all' },
    anytime: true,
    async run({ conversations, permissions }, { message: { conversation }, argument, context: { fence }, busy }) {
      const wanted = permissionModes.find((mode) => mode === argument.toLowerCase());
      if (wanted) {
        await conversations.write(conversation, fence, { permissions: wanted });
        return `From ${busy ? 'the next task' : 'now'} on: ${modeWords[wanted]}.`;
      }
      const present = permissionsOf((await conversations.read(conversation)).permissions, permissions);
      const lines = permissionModes.map((mode) => `“/permissions ${mode}”: ${modeWords[mode]}${mode === present ? ' (now)' : ''}`);
      return lines.join('\n');
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

/** The mode that holds: the person's choice, else the configuration's. */
export function permissionsOf(chosen: string | undefined, usual: PermissionMode): PermissionMode {
  return permissionModes.find((mode) => mode === chosen) ?? usual;
}
