import { defineConfig } from 'vitest/config';

const lane = (name: string, include: string[], options: Record<string, unknown> = {}) => ({
  test: { name, include, ...options },
});

/** Lanes by what they need: `unit` and `arch` run anywhere; the others need root, and but for guests run one file at a time. */
export default defineConfig({
  test: {
    projects: [
      lane('unit', ['*/src/**/*.test.ts']),
      lane('arch', ['test/arch/**/*.test.ts']),
      lane('sim', ['test/sim/**/*.test.ts'], { testTimeout: 120_000 }),
      lane('host', ['test/host/**/*.test.ts'], { fileParallelism: false, testTimeout: 60_000, hookTimeout: 60_000 }),
      lane('golden', ['test/golden/**/*.test.ts'], { testTimeout: 60_000, hookTimeout: 60_000 }),
      lane('conformance', ['test/conformance/**/*.test.ts'], {
        fileParallelism: false,
        testTimeout: 300_000,
        hookTimeout: 300_000,
      }),
      // Guests share nothing with each other.
      lane('vm', ['test/vm/**/*.test.ts'], { maxWorkers: 2, testTimeout: 300_000, hookTimeout: 300_000 }),
      lane('e2e', ['test/e2e/**/*.test.ts'], { fileParallelism: false, testTimeout: 300_000, hookTimeout: 120_000 }),
    ],
  },
});
