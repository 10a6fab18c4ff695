import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { type ConmonOptions, createUnderConmon } from './conmon.ts';
import { OciRuntime } from './oci-runtime.ts';

/** A program in conmon's place, which does what `script` says; its sync pipe is descriptor 3. */
function aConmon(script: string) {
  const bundle = mkdtempSync(join(tmpdir(), 'berth-conmon-'));
  const conmon = join(bundle, 'conmon');
  writeFileSync(conmon, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const clock = new FakeClock();
  const options: ConmonOptions = {
    ...{ conmon, bundle, clock, id: 'c1', name: 'c', exits: bundle, logPath: '' },
    ...{ terminal: false, stdin: false, stdinOnce: false, cgroups: [] },
    oci: new OciRuntime('/usr/sbin/runc', bundle),
  };
  return { options, clock, [Symbol.dispose]: () => rmSync(bundle, { recursive: true }) };
}

test('createUnderConmon tells what the OCI runtime complained of', async () => {
  using world = aConmon(`echo '{"pid": -1, "message": "no such file"}' >&3`);
  await expect(createUnderConmon(world.options)).rejects.toThrow('create container: no such file');
  expect(world.clock.pending).toBe(0);
});

test('createUnderConmon tells what conmon itself complained of, also where it closed its pipe before', async () => {
  using world = aConmon('exec 3>&-; sleep 0.05; echo "option parsing failed" >&2; exit 1');
  await expect(createUnderConmon(world.options)).rejects.toThrow('conmon: exit code 1: option parsing failed');
});

test('createUnderConmon waits two minutes for an OCI runtime that hangs', async () => {
  using world = aConmon('exec sleep 5');
  const failure = createUnderConmon(world.options).catch((error: Error) => error.message);
  await expect.poll(() => world.clock.pending).toBe(1);
  await world.clock.advance(119_000);
  expect(world.clock.pending).toBe(1);
  await world.clock.advance(1000);
  expect(await failure).toBe('conmon: no answer within 120000 ms');
});
