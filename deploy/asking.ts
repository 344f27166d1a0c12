import { cancel, confirm, password, select, text } from '@clack/prompts';
import { SetupError } from '../shared/runtime/errors.ts';

/**
 * Puts questions to the person at the terminal. Contract: an answer has passed `judge`; aborting
 * throws GivenUp.
 */
export type Asking = {
  text(
    question: string,
    options: { judge: (value: string) => string | undefined; preset?: string },
  ): Promise<string>;
  /** Does not echo the input. */
  secret(question: string, judge: (value: string) => string | undefined): Promise<string>;
  choose<Value extends string>(
    question: string,
    choices: readonly { value: Value; label: string }[],
  ): Promise<Value>;
  confirm(question: string): Promise<boolean>;
};

/** The person aborted the questions. */
export class GivenUp extends SetupError {
  override name = 'GivenUp';
}

/** Questions at the terminal. */
export function createAsking(): Asking {
  const judged = (judge: (value: string) => string | undefined) => (value: string | undefined) => {
    const problem = judge((value ?? '').trim());
    return problem === undefined ? undefined : `This ${problem}.`;
  };
  const answered = <Value>(value: Value): Exclude<Value, symbol> => {
    if (typeof value !== 'symbol') return value as Exclude<Value, symbol>;
    cancel('Nothing more is done. Run the same command to go on from here.');
    throw new GivenUp('');
  };
  return {
    text: async (message, { judge, preset }) =>
      answered(
        await text({
          message,
          validate: (value) => judged(judge)(value || preset),
          ...(preset === undefined ? {} : { placeholder: preset, defaultValue: preset }),
        }),
      ).trim(),
    secret: async (message, judge) =>
      answered(await password({ message, validate: judged(judge) })).trim(),
    async choose(message, choices) {
      const labels = choices.map(({ value, label }) => ({ value: value as string, label }));
      const chosen = answered(await select({ message, options: labels }));
      const found = choices.find(({ value }) => value === chosen);
      if (!found) throw new RangeError(`“${String(chosen)}” is not one of the choices.`);
      return found.value;
    },
    confirm: async (message) => answered(await confirm({ message, initialValue: false })),
  };
}
