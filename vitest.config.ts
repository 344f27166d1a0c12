import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The tests start real processes and wait for them a good deal; four files at a time keep two cores busy.
    maxWorkers: 4,
    // Files of one worker share their modules: loading them anew for each would take a third of the time.
    isolate: false,
  },
});
