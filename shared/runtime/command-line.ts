import { parseArgs } from 'node:util';
import type { ParseArgsOptionsConfig } from 'node:util';

/** The command line is invalid; the message is a sentence for the person who typed it. */
export class WrongUsage extends Error {
  override name = 'WrongUsage';
}

type Parsed<Options extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ args: string[]; options: Options; allowPositionals: boolean }>
>;

/**
 * Parses a command line. Arguments without a dash are an error unless `positionals` is set. Throws
 * WrongUsage with one sentence about the first problem.
 */
export function readArguments<Options extends ParseArgsOptionsConfig>(
  args: string[],
  options: Options,
  { positionals = false }: { positionals?: boolean } = {},
): Parsed<Options> {
  try {
    return parseArgs({ args, options, allowPositionals: positionals });
  } catch (error) {
    throw new WrongUsage(sentenceOf(error));
  }
}

/** Node explains an invalid command line in several sentences, one about a rare case. */
function sentenceOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? error.code : undefined;
  const [, named = ''] = /'([^']*)'/.exec(error.message) ?? [];
  const option = /--[\w-]+/.exec(named)?.[0] ?? named;
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') return `There is no option ${named}.`;
  if (code === 'ERR_PARSE_ARGS_UNEXPECTED_POSITIONAL')
    return `“${named}” is not an option; this command takes only options.`;
  if (code !== 'ERR_PARSE_ARGS_INVALID_OPTION_VALUE') return error.message;
  return error.message.includes('does not take')
    ? `${option} takes no value.`
    : `${option} needs a value.`;
}

/**
 * What a command prints about a wrong command line. `command` is what the person types to run it.
 */
export function formatWrongUsage(error: WrongUsage, command: string): string {
  return `${error.message}\nSee: ${command} -- --help`;
}

export type Usage = {
  /** What a person types to run it, such as `npm start`. */
  command: string;
  help: string;
};

/**
 * For a process that takes no argument but --help: prints the help and exits 0, or prints what is
 * wrong and exits 2. Returns when there is no argument.
 */
export function refuseArguments(args: string[], { command, help }: Usage): void {
  try {
    const { values } = readArguments(args, { help: { type: 'boolean', short: 'h' } });
    if (values['help'] !== true) return;
    process.stdout.write(`${help}\n`);
    process.exit(0);
  } catch (error) {
    if (!(error instanceof WrongUsage)) throw error;
    process.stderr.write(`${formatWrongUsage(error, command)}\n`);
    process.exit(2);
  }
}
