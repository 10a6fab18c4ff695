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
import { leftovers } from '../harness/leftovers.ts';
import { abandoned } from '../harness/owned-directory.ts';
import { removeAbandoned } from '../harness/remove-abandoned.ts';

/** A test of its own process, with a running pod, that is killed. */
async function killedTest(env: NodeJS.ProcessEnv): Promise<{ directory: string }> {
  const harness = pathToFileURL(join(import.meta.dirname, '../harness/runtime-harness.ts')).href;
  const program = `
    import { runContainer, runtimeHarness } from ${JSON.stringify(harness)};
    const h = await runtimeHarness();
    await runContainer(h, 'left', ['sleep', '1000']);
    console.log(JSON.stringify({ directory: h.directory }));
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await once(lines, 'line')) as [string];
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
  return JSON.parse(line) as { directory: string };
}

test('what a test that was killed has on the machine is seen, rules and links too, and taken away by the next run', async () => {
  const owners = mkdtempSync(join(tmpdir(), 'berth-owners-'));
  const before = process.env['BERTH_TEST_OWNERS'];
  process.env['BERTH_TEST_OWNERS'] = owners;
  try {
    const { directory } = await killedTest({ BERTH_TEST_OWNERS: owners });
    expect(abandoned()).toEqual([directory]);
    const { tag, bridge } = runtimeIdentity(join(directory, 'runtime'));
    const left = () => leftovers().filter((line) => line.includes(tag) || line.includes(directory));
    const kinds = new Set(left().map((line) => line.split(' ')[0]));
    expect([...kinds].sort()).toEqual(['cgroup', 'firewall', 'mount', 'network', 'process']);
    expect(left()).toContain(`network link ${bridge}`);
    expect(left()).toContain(`firewall filter :BERTH-${tag} -`);
    expect(await removeAbandoned()).toEqual([directory]);
    expect(left()).toEqual([]);
    expect(firewallLines().filter((line) => line.includes(tag))).toEqual([]);
    expect([existsSync(directory), abandoned()]).toEqual([false, []]);
  } finally {
    await removeAbandoned();
    if (before === undefined) delete process.env['BERTH_TEST_OWNERS'];
    else process.env['BERTH_TEST_OWNERS'] = before;
    rmSync(owners, { recursive: true });
  }
});
