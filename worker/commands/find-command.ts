import type { Message } from '../../shared/store/message.ts';
import { commandText } from './command.ts';
import type { Command } from './command.ts';
import { peopleCommands } from './people-commands.ts';
import { reportCommands } from './report-commands.ts';
import { scheduleCommands } from './schedule-commands.ts';
import { sessionCommands } from './session-commands.ts';
import { settingCommands } from './setting-commands.ts';
import { turnCommands } from './turn-commands.ts';

const all: Command[] = [
  ...turnCommands,
  ...sessionCommands,
  ...settingCommands,
  ...scheduleCommands,
  ...peopleCommands,
  ...reportCommands,
];

const help: Command = {
  pattern: /^\/help$/i,
  anytime: true,
  async run() {
    const lines = all.flatMap(({ help: about }) =>
      about ? `*${about.usage}*: ${about.does}` : [],
    );
    return `Write what you want done, as you would to a colleague. Send a picture or a file along, or swipe to reply to an earlier answer. While I work, I hear what you write.\n\n${lines.join('\n')}\n\nAny other / command goes to Claude Code.`;
  },
};

/** A command and its argument. */
export type FoundCommand = { command: Command; argument: string };

/**
 * Returns the command in a message, if any. `isFirst`: no earlier message is waiting or being
 * worked on.
 */
export function findCommand(message: Message, isFirst: boolean): FoundCommand | undefined {
  const text = commandText(message);
  for (const command of [...all, help]) {
    const match = command.pattern.exec(text);
    if (match && (!command.firstOnly || isFirst || text.startsWith('/')))
      return { command, argument: (match[1] ?? '').trim() };
  }
  return undefined;
}
