import type { Message } from '../../shared/store/message.ts';
import { commandText } from './command.ts';
import type { Command } from './command.ts';
import { editDistance, mostMistakes } from './edit-distance.ts';
import { exportCommands } from './export-command.ts';
import { forgetCommands } from './forget-commands.ts';
import { inviteCommands } from './invite-commands.ts';
import { ownerOf } from '../../shared/store/owner.ts';
import { peopleCommands } from './people-commands.ts';
import { reportCommands } from './report-commands.ts';
import { scheduleCommands } from './schedule-commands.ts';
import { secretCommands, takeSecret } from './secret-commands.ts';
import { sessionCommands } from './session-commands.ts';
import { settingCommands } from './setting-commands.ts';
import { takeStop, turnCommands } from './turn-commands.ts';
import { undoCommands } from './undo-commands.ts';
import { watchCommands } from './watch-commands.ts';

const all: Command[] = [
  ...turnCommands,
  ...undoCommands,
  ...watchCommands,
  ...sessionCommands,
  ...settingCommands,
  ...scheduleCommands,
  ...secretCommands,
  ...peopleCommands,
  ...inviteCommands,
  ...exportCommands,
  ...forgetCommands,
  ...reportCommands,
];

const help: Command = {
  pattern: /^\/?help[.!?]?$/i,
  anytime: true,
  firstOnly: true,
  async run({ stores }, { message: { conversation } }) {
    const isOwner = (await ownerOf(stores, conversation)) !== undefined;
    const lines = all.flatMap(({ help: about, ownerOnly = false }) =>
      about && (isOwner || !ownerOnly) ? `*${about.usage}*: ${about.does}` : [],
    );
    return `Write what you want done, as you would to a colleague. Send a picture or a file along, or swipe to reply to an earlier answer. While I work, I hear what you write.\n\n${lines.join('\n')}\n\nAny other / command goes to Claude Code.`;
  },
};

/** Words behind a command that ask for nothing more. */
const courtesies = new Set(['please', 'pls', 'now', 'right', 'on', 'thanks', 'thx', 'again']);

/** A list is shown by its name alone, as `/schedules`. */
const listing = /^(\/\w+s)\s+(?:list|show)$/i;

/**
 * A slash as a phone may write it: with a blank that it puts in, or as wide as a Chinese letter.
 */
const slash = /^(?:\/ +|／ *)(?=[a-z])/i;

/** A command without the words of courtesy behind it, as in `/status please` or `/links list`. */
function withoutCourtesy(written: string): string {
  const text = written.replace(slash, '/');
  if (!text.startsWith('/')) return text;
  const words = text.replace(/[.!?]{1,9}$/, '').split(/\s+/);
  while (words.length > 1 && courtesies.has(words.at(-1)?.toLowerCase() ?? '')) words.pop();
  return words.join(' ').replace(listing, '$1');
}

/** Names of commands, as a person may misspell them. */
const names = all.flatMap(({ help: about }) => about?.usage.match(/(?<=^\/)[a-z]+/) ?? []);

/**
 * What Claude Code knows by a name that is near to one of ours (code.claude.com/docs: “Built-in
 * commands”).
 */
const claudeCodes = new Set(['model', 'cost', 'resume', 'status', 'statusline', 'rename', 'help']);

/**
 * Our command that a misspelt one is nearest to; undefined when none is near, or it is a sentence.
 */
function findMeant(text: string): string | undefined {
  const word = /^\/([a-z]{3,14})(?:\s\S+)?[.!?]?$/i.exec(text)?.[1]?.toLowerCase();
  if (word === undefined || claudeCodes.has(word) || names.includes(word)) return undefined;
  const most = mostMistakes(word.length);
  const near = ['help', ...names].filter((name) => editDistance(word, name) <= most);
  return near.toSorted((one, other) => editDistance(word, one) - editDistance(word, other))[0];
}

/** Asks about a misspelt command, with a button for the right one. */
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
  if (message.sealed !== undefined) return { command: takeSecret, argument: '' };
  if (message.stops !== undefined) return { command: takeStop, argument: '' };
  const text = commandText(message);
  const form = withoutCourtesy(text);
  for (const command of [...all, help]) {
    const match = command.pattern.exec(form);
    if (match && (!command.firstOnly || isFirst || form.startsWith('/')))
      return { command, argument: (match[1] ?? '').trim() };
  }
  const meant = message.choice ? undefined : findMeant(text);
  return meant === undefined ? undefined : { command: didYouMean(meant), argument: '' };
}
