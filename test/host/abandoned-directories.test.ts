import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { runtimeIdentity } from '../../orchestrator/src/runtime/state-layout.ts';
import { firewallLines } from '../harness/firewall-chains.ts';
import { leftoversBelow } from '../harness/leftovers.ts';
import { abandoned } from '../harness/owned-directory.ts';
import { removeAbandoned } from '../harness/remove-abandoned.ts';

const runtimeWithPod = `
  import { runContainer, runtimeHarness } from 'HARNESS/runtime-harness.ts';
  const h = await runtimeHarness();
  await runContainer(h, 'left', ['sleep', '1000']);
  const { directory } = h;`;

const driverWithPool = `
  import { lifePlace } from 'HARNESS/life-place.ts';
  import { nameTest } from 'HARNESS/owned-directory.ts';
  nameTest('a file > a test');
  const { folder: directory } = await lifePlace('xfs', 512);`;

/** A test of its own process that is killed once it has its directory, and what notes that. */
async function killedTest(program: string) {
  const owners = mkdtempSync(join(tmpdir(), 'berth-owners-'));
  const before = process.env['BERTH_TEST_OWNERS'];
  process.env['BERTH_TEST_OWNERS'] = owners;
  const harness = pathToFileURL(join(import.meta.dirname, '../harness')).href;
  const goesOn = 'console.log(JSON.stringify({ directory })); setInterval(() => undefined, 1000);';
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', program.replaceAll('HARNESS', harness) + goesOn],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  return {
    ...(JSON.parse(line) as { directory: string }),
    [Symbol.asyncDispose]: async () => {
      await removeAbandoned();
      if (before === undefined) delete process.env['BERTH_TEST_OWNERS'];
      else process.env['BERTH_TEST_OWNERS'] = before;
      rmSync(owners, { recursive: true });
    },
  };
}

test('what a test that was killed has on the machine is seen, rules and links too, and taken away by the next run', async () => {
  await using killed = await killedTest(runtimeWithPod);
  const { directory } = killed;
  expect(abandoned()).toEqual([{ directory, test: 'no test' }]);
  const { tag, bridge } = runtimeIdentity(join(directory, 'runtime'));
  const left = () => leftoversBelow(directory);
  expect(kindsOf(left())).toEqual(['cgroup', 'firewall', 'mount', 'network', 'process']);
  expect(left()).toContain(`network link ${bridge}`);
  expect(left()).toContain(`firewall filter :BERTH-${tag} -`);
  expect(await removeAbandoned()).toMatchObject([
    { directory, left: expect.arrayContaining([`network link ${bridge}`]) },
  ]);
  expect(left()).toEqual([]);
  expect(firewallLines().filter((line) => line.includes(tag))).toEqual([]);
  expect([existsSync(directory), abandoned()]).toEqual([false, []]);
});

test('a driver’s folder that a killed test left goes with its disks, and is told with the test’s name', async () => {
  await using killed = await killedTest(driverWithPool);
  const { directory } = killed;
  const left = leftoversBelow(directory);
  expect(kindsOf(left)).toEqual(['loop', 'mount']);
  expect(await removeAbandoned()).toEqual([{ directory, test: 'a file > a test', left }]);
  await expect.poll(() => leftoversBelow(directory)).toEqual([]);
  expect([existsSync(directory), abandoned()]).toEqual([false, []]);
});

test('what cannot be taken away is told with what stood in the way, and keeps nothing else there', async () => {
  await using killed = await killedTest(`
    import { mkdirSync, mkdtempSync } from 'node:fs';
    import { own } from 'HARNESS/owned-directory.ts';
    const directory = mkdtempSync('/tmp/berth-broken-');
    const other = mkdtempSync('/tmp/berth-other-');
    // No lock to read.
    mkdirSync(directory + '/berth.lock');
    for (const each of [directory, other]) own(each);`);
  const { directory } = killed;
  const removed = await removeAbandoned();
  expect(removed.find((one) => one.directory === directory)?.error?.message).toContain('berth.lock');
  expect(removed.filter(({ error }) => !error)).toHaveLength(1);
  expect(abandoned().map((one) => one.directory)).toEqual([directory]);
  rmSync(directory, { recursive: true });
  expect(await removeAbandoned()).toHaveLength(1);
  expect(abandoned()).toEqual([]);
});

function kindsOf(lines: readonly string[]): string[] {
  return [...new Set(lines.map((line) => line.split(' ')[0] as string))].sort();
}
