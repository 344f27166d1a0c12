import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // The tests start real processes; two files at a time is what two cores carry.
    maxWorkers: 2,
  },
});
