/**
 * The whole test suite: fast lanes first, then those that share the machine (mounts, containers, ports) one after the other.
 * Ends with `N passed, N failed[, N skipped]`, the sum over all. Names of lanes as arguments run just those.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findKubectl } from '../test/harness/berth.ts';
import { leftovers, leftoversBelow } from '../test/harness/leftovers.ts';
import { ownedNow } from '../test/harness/owned-directory.ts';
import { removeAbandoned } from '../test/harness/remove-abandoned.ts';

interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numFailedTestSuites: number;
  readonly testResults: readonly { readonly status: string; readonly assertionResults: readonly unknown[] }[];
}

const root = join(import.meta.dirname, '..');
const groups = [['unit', 'arch', 'sim'], ['golden'], ['host'], ['conformance'], ['vm'], ['e2e']];
/** Lanes with programs and packages of others. */
const usesMade = new Set(['conformance', 'vm', 'e2e']);
const chosen = process.argv.slice(2);
const patienceMs = 30_000;
const total = { passed: 0, failed: 0, skipped: 0 };

let interrupted = false;
// The tests get it too, and what they leave then is removed here.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interrupted = true;
  });
}
await clean('an earlier run');
const making = chosen.length === 0 ? makeAhead() : undefined;
for (const group of groups) {
  const lanes = chosen.length === 0 ? group : group.filter((lane) => chosen.includes(lane));
  if (lanes.some((lane) => usesMade.has(lane)) && !interrupted) await making;
  if (lanes.length > 0 && !interrupted) await runLanes(lanes);
}
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exitCode = interrupted ? 130 : total.failed > 0 || total.passed === 0 ? 1 : 0;

async function runLanes(lanes: readonly string[]): Promise<void> {
  if (lanes.includes('e2e')) makeKubectls();
  const before = new Set(leftovers());
  const file = join(tmpdir(), `berth-test-${process.pid}-${lanes[0]}.json`);
  const args = ['run', '--passWithNoTests', '--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const started = performance.now();
  // Of a run that was killed, whose process had the same id.
  rmSync(file, { force: true });
  const { status } = spawnSync(
    join(root, 'node_modules/.bin/node'),
    [join(root, 'node_modules/.bin/vitest'), ...args, ...lanes.flatMap((lane) => ['--project', lane])],
    {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { BERTH_DIST: join(root, 'dist'), ...process.env, NO_COLOR: '1' },
    },
  );
  count(file, status ?? 1);
  rmSync(file, { force: true });
  // Lets a signal in, which waited for the tests.
  await new Promise((resolve) => setImmediate(resolve));
  await clean('tests that were broken off');
  const left = await leftBehind(before);
  if (left.length > 0) {
    total.failed += 1;
    process.stdout.write(`left behind by ${lanes.join(', ')}:\n${left.map((line) => `  ${line}\n`).join('')}`);
  }
  process.stdout.write(`${lanes.join(', ')}: ${((performance.now() - started) / 1000).toFixed(1)} s\n`);
}

/** Built here where the machine has none, outside the tests' own time limits. What fails here fails there, and says why. */
function makeKubectls(): void {
  for (const minor of ['1.27', '1.30', '1.32', '1.33']) {
    try {
      findKubectl(minor);
    } catch (error) {
      process.stderr.write(`kubectl ${minor} could not be made yet: ${(error as Error).message}\n`);
    }
  }
}

/** What stays: processes, mounts and links of tests that have ended go in the kernel's own time. */
async function leftBehind(before: ReadonlySet<string>): Promise<string[]> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const left = withoutOthers(leftovers().filter((line) => !before.has(line)));
    if (left.length === 0 || performance.now() > endMs) return left;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** The lane's own tests have ended: whoever's go on run beside it on this machine. */
function withoutOthers(lines: readonly string[]): string[] {
  const theirs = new Set(ownedNow().flatMap(({ directory }) => leftoversBelow(directory, [...lines])));
  return lines.filter((line) => !theirs.has(line));
}

/** Ends when everything is made; with this process at the latest. */
async function makeAhead(): Promise<void> {
  const child = spawn(join(root, 'node_modules/.bin/node'), [join(root, 'scripts/make-ahead.ts')], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  process.once('exit', () => child.kill());
  await once(child, 'exit');
}

/** Takes away what tests left that were killed. Only root has anything to take away. */
async function clean(whose: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  for (const { directory, test, left, error } of await removeAbandoned()) {
    const what = error ? `could not remove (${error.message})` : 'removed';
    process.stdout.write(
      `${what} what ${whose} left of ${directory} (${test})\n${left.map((line) => `  ${line}\n`).join('')}`,
    );
  }
}

/** A file that could not even be loaded holds no test that failed, so it counts as one. */
function count(file: string, status: number): void {
  const before = total.failed;
  const report = readReport(file);
  if (report) {
    total.passed += report.numPassedTests;
    total.failed += report.numFailedTests;
    total.skipped += report.numPendingTests;
    total.failed += report.testResults.filter(
      (one) => one.status === 'failed' && one.assertionResults.length === 0,
    ).length;
  }
  if (status !== 0 && total.failed === before) total.failed += 1;
}

/** None where the tests were killed before it was written, or while it was. */
function readReport(file: string): Report | undefined {
  if (!existsSync(file)) return undefined;
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch (error) {
    process.stdout.write(`what the tests reported cannot be read: ${(error as Error).message}\n`);
    return undefined;
  }
}
