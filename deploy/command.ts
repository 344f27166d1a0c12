import { SetupError } from '../shared/runtime/errors.ts';
import { GivenUp } from './asking.ts';
import { FlyFailure } from './fly.ts';
import { WrongUsage, formatWrongUsage } from '../shared/runtime/command-line.ts';
import { StepFailed } from './step.ts';
import { TwilioRefused } from './twilio-account.ts';

/**
 * Runs a command for a person at a terminal: prints problems they can fix in plain words, without a
 * stack. @returns the exit code.
 */
export async function runCommand(
  name: string,
  complain: (line: string) => void,
  work: () => Promise<void>,
): Promise<number> {
  try {
    await work();
    return 0;
  } catch (error) {
    if (error instanceof GivenUp) return 130;
    if (error instanceof WrongUsage) {
      complain(formatWrongUsage(error, `npm run ${name}`));
      return 2;
    }
    if (error instanceof StepFailed) {
      complain(
        `\n${error.message}\n\nWhat is done stays done. When this is mended, run the same command again: it goes on from here.`,
      );
      return 1;
    }
    if (
      error instanceof SetupError ||
      error instanceof FlyFailure ||
      error instanceof TwilioRefused
    ) {
      complain(error.message);
      return 1;
    }
    throw error;
  }
}
