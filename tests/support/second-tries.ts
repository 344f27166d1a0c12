import type { Reporter, TestModule } from 'vitest/node';

/**
 * Prints, after everything else, the tests that passed at their second try: each has a race in it
 * or in the product, and is to be mended although the run is green.
 */
export const secondTries: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const names = modules.flatMap((module) =>
      [...module.children.allTests()]
        .filter((test) => test.diagnostic()?.flaky)
        .map((test) => `${module.relativeModuleId} > ${test.fullName}`),
    );
    if (names.length > 0)
      process.stdout.write(
        `\nPassed at the second try, so to be mended:\n  ${names.join('\n  ')}\n\n`,
      );
  },
};
