import { defineConfig } from 'vitest/config';
import { measureSlowness } from './tests/support/measure-slowness.ts';
import { secondTries } from './tests/support/second-tries.ts';

export default defineConfig(async () => {
  // A caller that starts Vitest many times in a row has measured it once.
  const slowness = Number(process.env['TEST_SLOWNESS'] ?? 0) || (await measureSlowness());
  return {
    test: {
      include: ['tests/**/*.test.ts'],
      tags: [
        {
          name: 'long',
          description:
            'A further variant of what a shorter test holds, or a load, an attack or a wait that takes long; run by npm run test:all.',
        },
      ],
      // What a test that fails has left running ends with its file.
      setupFiles: ['tests/support/end-processes.ts'],
      provide: { slowness },
      // Only a test that fails takes that long: what each waits for has a deadline of its own.
      testTimeout: 300_000 * slowness,
      hookTimeout: 300_000 * slowness,
      // Only the names of files, unless something fails.
      slowTestThreshold: 60_000 * slowness,
      // A race lost on a busy machine does not stop other work, and is not hidden either: the run
      // ends with the names of the tests that needed a second try.
      retry: 1,
      reporters: ['default', secondTries],
      // The tests start real processes and wait for them a good deal: four files at a time keep two
      // cores busy.
      maxWorkers: 4,
      // Files of one worker share their modules: loading them anew for each would take a third of
      // the time.
      isolate: false,
      // Node's own import, as in production, in place of Vite's: less processor time.
      experimental: { viteModuleRunner: false },
      // As the worker is started: in the mode `all` Claude asks nothing on purpose.
      execArgv: ['--disable-warning=CLAUDE_SDK_CAN_USE_TOOL_SHADOWED'],
    },
  };
});
