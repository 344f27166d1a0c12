import { WrongUsage, readArguments } from '../../shared/runtime/command-line.ts';
import { allKinds } from './plan.ts';
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

export const chaosHelp = `Runs the real relay, worker and Redis under a Twilio that misbehaves and a killer, and counts what became of every message.

  npm run chaos -- [--messages 300] [--conversations 20] [--seed 7] [--minutes 3] [--workers 1] [--claude 2] [--kinds LIST] [--json FILE] [--keep]

  --messages N       how many messages are sent
  --conversations N  from how many phones
  --seed N           decides every message, fault and kill; the same seed gives the same schedule
  --minutes N        how long messages are sent and processes killed
  --workers N        1 or 2 workers on one queue
  --claude N         how many of the conversations the real Claude Code answers, with a scripted model behind it
  --kinds LIST       what befalls the processes, separated by commas; all of these unless given:
${wrap(allKinds, 56)
  .map((line) => `                     ${line}`)
  .join('\n')}
  --json FILE        writes the result as JSON
  --keep             leaves logs and data behind
  --help             show this

Exit codes: 0 nothing lost, doubled or out of order, 1 otherwise, 2 wrong usage, 130 interrupted.`;

const numbers = {
  messages: { preset: 300, least: 1, most: 100_000, whole: true },
  conversations: { preset: 20, least: 1, most: 200, whole: true },
  seed: { preset: 7, least: 0, most: 4_294_967_295, whole: true },
  minutes: { preset: 3, least: 0.05, most: 600, whole: false },
  workers: { preset: 1, least: 1, most: 2, whole: true },
  claude: { preset: 2, least: 0, most: 200, whole: true },
} as const;

const [text, flag] = [{ type: 'string' }, { type: 'boolean' }] as const;
const options = {
  messages: text,
  conversations: text,
  seed: text,
  minutes: text,
  workers: text,
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
  return {
    messages: number('messages'),
    conversations,
    seed: number('seed'),
    minutes: number('minutes'),
    workers: number('workers'),
    claude,
    kinds: kinds === undefined ? allKinds : parseKinds(kinds),
    json,
    keep: values.keep === true,
  };
}

function parseKinds(given: string): KillKind[] {
  return given.split(',').map((word) => {
    const kind = allKinds.find((known) => known === word.trim());
    if (!kind)
      throw new WrongUsage(
        `--kinds: there is no “${word.trim()}”. There are ${allKinds.join(', ')}.`,
      );
    return kind;
  });
}
