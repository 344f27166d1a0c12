/** One desired state. Each step is safe to repeat, so running again resumes an interrupted run. */
export type Step = {
  /** The state once it is done, as a short clause: “the app pocket-relay exists”. */
  what: string;
  /**
   * The commands or actions, as typed or spoken; a dry run prints them. Never contains a secret's
   * value.
   */
  takes: string[];
  /** It runs each time and changes nothing. */
  onlyLooks?: boolean;
  /** Checks the actual state, not a record of ours. */
  isDone(): Promise<boolean>;
  run(): Promise<void>;
};

/** A step failed; the message says which and why. */
export class StepFailed extends Error {
  override name = 'StepFailed';
}

/**
 * Runs the unfinished steps in order and reports each on a line. @throws StepFailed at the first
 * failure. @returns the steps done that have changed something.
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
      if (!step.onlyLooks) done.push(step.what);
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
 * Prints what a run would do without doing it. `look` is false when the current state cannot be
 * read.
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
