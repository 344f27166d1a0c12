/**
 * One thing that is to be so in the end. Each is safe to repeat, so a run that was cut off is taken
 * up by running again.
 */
export type Step = {
  /** What is so when it is done, as a short clause: “the app pocket-relay exists”. */
  what: string;
  /**
   * What it takes, as one would type or say it; shown by a dry run. Never with a secret's value.
   */
  takes: string[];
  /** Asks the world, not a note of ours, whether it is so already. */
  isDone(): Promise<boolean>;
  run(): Promise<void>;
};

/** A step that could not be done; the message says which and why. */
export class StepFailed extends Error {
  override name = 'StepFailed';
}

/**
 * Does what is not done yet, in order, and says so line by line. @throws StepFailed at the first
 * that fails. @returns what was done.
 */
export async function runSteps(
  steps: readonly Step[],
  say: (line: string) => void,
): Promise<string[]> {
  const done: string[] = [];
  for (const step of steps) {
    try {
      if (await step.isDone()) {
        say(`✓ ${step.what} (already)`);
        continue;
      }
      say(`… ${step.what}`);
      await step.run();
      done.push(step.what);
      say(`✓ ${step.what}`);
    } catch (error) {
      throw new StepFailed(
        `✗ ${step.what}\n${error instanceof Error ? error.message : String(error)}`,
        { cause: error },
      );
    }
  }
  return done;
}

/**
 * Says what a run would do, and does nothing of it. `look` is false when there is nobody to ask
 * what exists.
 */
export async function showSteps(
  steps: readonly Step[],
  look: boolean,
  say: (line: string) => void,
): Promise<void> {
  for (const step of steps) {
    const done = look && (await step.isDone().catch(() => false));
    say(done ? `✓ ${step.what} (already)` : `· ${step.what}`);
    if (!done) for (const line of step.takes) say(`    ${line}`);
  }
}
