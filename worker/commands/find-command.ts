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
  pattern: /^\/?help[.!?]?$/i,
  anytime: true,
  firstOnly: true,
  async run() {
    const lines = all.flatMap(({ help: about }) =>
      about ? `*${about.usage}*: ${about.does}` : [],
    );
    return `Write what you want done, as you would to a colleague. Send a picture or a file along, or swipe to reply to an earlier answer. While I work, I hear what you write.\n\n${lines.join('\n')}\n\nAny other / command goes to Claude Code.`;
  },
};

const courtesies = new Set(['please', 'pls', 'now', 'on', 'thanks']);

/** A command without the words of courtesy behind it, as in `/status please`. */
function withoutCourtesy(text: string): string {
  if (!text.startsWith('/')) return text;
  const words = text.replace(/[.!?]$/, '').split(/\s+/);
  return words
    .slice(0, courtesies.has(words.at(-1)?.toLowerCase() ?? '') ? -1 : undefined)
    .join(' ');
}

/** Names of commands, as a person may misspell them. */
const names = all.flatMap(({ help: about }) => about?.usage.match(/(?<=^\/)[a-z]+/) ?? []);

/**
 * What Claude Code knows by a name that is near to one of ours (code.claude.com/docs: “Built-in
 * commands”).
 */
const claudeCodes = new Set([
  'model',
  'cost',
  'resume',
  'status',
  'stats',
  'statusline',
  'rename',
  'help',
]);

/**
 * Our command that a misspelt one is nearest to; undefined when none is near, or it is a sentence.
 */
function findMeant(text: string): string | undefined {
  const word = /^\/([a-z]{3,14})(?:\s\S+)?[.!?]?$/i.exec(text)?.[1]?.toLowerCase();
  if (word === undefined || claudeCodes.has(word) || names.includes(word)) return undefined;
  const most = word.length < 5 ? 1 : 2;
  const near = ['help', ...names].filter((name) => distance(word, name) <= most);
  return near.toSorted((one, other) => distance(word, one) - distance(word, other))[0];
}

/** How many letters must be put in, taken out, replaced, or swapped with their neighbour. */
function distance(one: string, other: string): number {
  const rows: number[][] = [Array.from({ length: other.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= one.length; row += 1) {
    const line = [row];
    for (let column = 1; column <= other.length; column += 1) {
      const isSame = one[row - 1] === other[column - 1];
      const isSwap = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      line[column] = Math.min(
        (rows[row - 1]?.[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (rows[row - 1]?.[column - 1] ?? 0) + (isSame ? 0 : 1),
        isSwap ? (rows[row - 2]?.[column - 2] ?? 0) + 1 : Infinity,
      );
    }
    rows.push(line);
  }
  return rows.at(-1)?.at(-1) ?? 0;
}

/** Asks about a misspelt command, with a button for the one that was meant. */
function didYouMean(name: string): Command {
  return {
    pattern: /^$/,
    anytime: true,
    run: async () => ({
      text: `Did you mean /${name}?`,
      choices: { kind: 'buttons', items: [{ id: `/${name}`, title: `/${name}` }] },
    }),
  };
}

/** A command and its argument. */
export type FoundCommand = { command: Command; argument: string };

/**
 * Returns the command in a message, if any. `isFirst`: no earlier message is waiting or being
 * worked on.
 */
export function findCommand(message: Message, isFirst: boolean): FoundCommand | undefined {
  const text = commandText(message);
  for (const form of [text, withoutCourtesy(text)]) {
    for (const command of [...all, help]) {
      const match = command.pattern.exec(form);
      if (match && (!command.firstOnly || isFirst || form.startsWith('/')))
        return { command, argument: (match[1] ?? '').trim() };
    }
  }
  const meant = text === message.text.trim() ? findMeant(text) : undefined;
  return meant === undefined ? undefined : { command: didYouMean(meant), argument: '' };
}
