import { defineConfig } from 'vitest/config';
import { LongestFirst } from './test/longest-first.ts';

/**
 * What waits ends as soon as what it waits for is so: limits only tell what hangs, also on a machine that others keep busy or that
 * stands still for seconds. By default polls have one second, and tests five.
 */
const patience = { testTimeout: 120_000, hookTimeout: 120_000, expect: { poll: { timeout: 100_000 } } };

const lane = (name: string, include: string[], options: Record<string, unknown> = {}) => ({
  test: { name, include, ...patience, ...options },
});

// Whoever followed the README has some of these set; a test names its own.
for (const name of ['KUBECONFIG', 'CSI_ENDPOINT', 'DOCKER_CONFIG']) delete process.env[name];

/** All of the machine: by default one core has nothing to do. */
const maxWorkers = '100%';

/** Lanes that change the machine: what their tests leave there is told by their names. */
const setupFiles = ['test/harness/name-tests.ts'];

/**
 * Lanes by what they need: `unit` and `arch` run anywhere; the others need root. Files of `host` and `e2e` wait as long as they work,
 * so three or four run beside each other on two cores: each has directories, ports, networks and devices of its own.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      // Nothing in a process is changed by them: modules are loaded once for many files, which takes half as long.
      lane('unit', ['*/src/**/*.test.ts'], { isolate: false, maxWorkers }),
      lane('arch', ['test/arch/**/*.test.ts'], { maxWorkers }),
      lane('sim', ['test/sim/**/*.test.ts'], { maxWorkers }),
      lane('host', ['test/host/**/*.test.ts'], { setupFiles, maxWorkers: 3, testTimeout: 600_000 }),
      lane('golden', ['test/golden/**/*.test.ts'], { setupFiles, isolate: false, maxWorkers }),
      lane('conformance', ['test/conformance/**/*.test.ts'], {
        setupFiles,
        maxWorkers: 2,
        testTimeout: 900_000,
        hookTimeout: 600_000,
      }),
      // Guests share nothing with each other.
      lane('vm', ['test/vm/**/*.test.ts'], { maxWorkers: 2, testTimeout: 1_200_000, hookTimeout: 600_000 }),
      lane('e2e', ['test/e2e/**/*.test.ts'], { setupFiles, maxWorkers: 4, testTimeout: 600_000 }),
    ],
  },
});
