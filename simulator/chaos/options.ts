import { WrongUsage, readArguments } from '../../shared/runtime/command-line.ts';
import { allKinds, kindsOf } from './plan.ts';
import type { KillKind } from './plan.ts';

/**
 * The options of a chaos run. `minutes` is how long messages are sent and processes killed;
 * settling takes extra time.
 */
export type ChaosOptions = {
  messages: number;
  conversations: number;
  seed: number;
  minutes: number;
  workers: number;
  relays: number;
  homes: number;
  /** How many of the conversations are answered by the real Claude Code. */
  claude: number;
  /** The kinds of kills and troubles. */
  kinds: readonly KillKind[];
  /** Where the whole result goes as JSON. */
  json: string | undefined;
  /** Keeps the directory with logs, Redis and transcripts. */
  keep: boolean;
};

/** The words, in lines of at most about `width` characters. */
function wrap(words: readonly string[], width: number): string[] {
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width)
      lines[lines.length - 1] = `${last},${word}`;
    else lines.push(word);
  }
  return lines;
}

function formatKinds(kinds: readonly KillKind[]): string {
  return wrap(kinds, 56)
    .map((line) => `                     ${line}`)
    .join('\n');
}

export const chaosHelp = `Runs the real relay, worker and Redis under a Twilio that misbehaves and a killer, and counts what became of every message.

  npm run chaos -- [--messages 300] [--conversations 20] [--seed 7] [--minutes 3] [--workers 1] [--relays 1] [--homes 1] [--claude 2] [--kinds LIST] [--json FILE] [--keep]

  --messages N       how many messages are sent
  --conversations N  from how many phones
  --seed N           decides every message, fault and kill; the same seed gives the same schedule
  --minutes N        how long messages are sent and processes killed
  --workers N        1 or 2 workers on one queue
  --relays N         1 or 2 relays behind one address
  --homes N          1 to 5 homes, from 2 on each with a disk, a machine that sleeps, and one worker; people are moved
                     between them, and restic saves their files
  --claude N         how many of the conversations the real Claude Code answers, with a scripted model behind it
  --kinds LIST       what befalls the processes, separated by commas; all that the homes allow unless given:
${formatKinds(kindsOf(1))}
                     and with several homes:
${formatKinds(allKinds.filter((kind) => !kindsOf(1).includes(kind)))}
  --json FILE        writes the result as JSON
  --keep             leaves logs and data behind
  --help             show this

Exit codes: 0 nothing lost, doubled or out of order, and no file missing that a snapshot has; 1 otherwise, 2 wrong usage, 130 interrupted.`;

const numbers = {
  messages: { preset: 300, least: 1, most: 100_000, whole: true },
  conversations: { preset: 20, least: 1, most: 200, whole: true },
  seed: { preset: 7, least: 0, most: 4_294_967_295, whole: true },
  minutes: { preset: 3, least: 0.05, most: 600, whole: false },
  workers: { preset: 1, least: 1, most: 2, whole: true },
  relays: { preset: 1, least: 1, most: 2, whole: true },
  homes: { preset: 1, least: 1, most: 5, whole: true },
  claude: { preset: 2, least: 0, most: 200, whole: true },
} as const;

const [text, flag] = [{ type: 'string' }, { type: 'boolean' }] as const;
const options = {
  messages: text,
  conversations: text,
  seed: text,
  minutes: text,
  workers: text,
  relays: text,
  homes: text,
  claude: text,
  kinds: text,
  json: text,
  keep: flag,
  help: { ...flag, short: 'h' },
} as const;

/** Reads the command line. Throws WrongUsage with a sentence. */
export function parseChaosOptions(args: string[]): ChaosOptions | 'help' {
  const { values } = readArguments(args, options);
  if (values.help) return 'help';
  const number = (name: keyof typeof numbers): number => {
    const { preset, least, most, whole } = numbers[name];
    const given = values[name];
    const value = given === undefined ? preset : Number(given);
    if (given === '' || !(value >= least && value <= most) || (whole && !Number.isInteger(value))) {
      throw new WrongUsage(
        `--${name} must be a ${whole ? 'whole ' : ''}number from ${least} to ${most}, not "${given}".`,
      );
    }
    return value;
  };
  const conversations = number('conversations');
  const claude = number('claude');
  if (claude > conversations)
    throw new WrongUsage(
      `--claude ${claude} is more than there are conversations (${conversations}).`,
    );
  const { json, kinds } = values;
  const [workers, homes] = [number('workers'), number('homes')];
  if (homes > 1 && workers > 1)
    throw new WrongUsage('--workers 2 goes with one home: each of several homes has one worker.');
  return {
    messages: number('messages'),
    conversations,
    seed: number('seed'),
    minutes: number('minutes'),
    workers,
    relays: number('relays'),
    homes,
    claude,
    kinds: kinds === undefined ? kindsOf(homes) : parseKinds(kinds, kindsOf(homes)),
    json,
    keep: values.keep === true,
  };
}

function parseKinds(given: string, known: readonly KillKind[]): KillKind[] {
  return given.split(',').map((word) => {
    const kind = known.find((one) => one === word.trim());
    if (!kind)
      throw new WrongUsage(`--kinds: there is no “${word.trim()}”. There are ${known.join(', ')}.`);
    return kind;
  });
}
