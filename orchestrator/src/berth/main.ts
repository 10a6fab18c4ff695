#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { keepCompiled, outputsByTurns } from '@berth/kit';

keepCompiled(import.meta.filename);
const { runCli } = await import('./cli.ts');

const stop = new AbortController();
let firstAtMs: number | undefined;
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    const nowMs = performance.now();
    firstAtMs ??= nowMs;
    // A second signal does not wait for a stop that hangs. At once it is the first again: a terminal sends Ctrl-C to npm too, which hands it on.
    if (nowMs - firstAtMs > 1000) process.exit(130);
    stop.abort(new DOMException(`got ${name}`, 'AbortError'));
  });
}
// A reader of our output that goes away is no reason to fail.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

const bundled = join(import.meta.dirname, 'csi-driver.js');
const fromSource = join(import.meta.dirname, '../../../csi-driver/src/main.ts');

process.exitCode = await runCli(process.argv.slice(2), {
  terminal: {
    ...outputsByTurns(process),
    isInteractive: process.stderr.isTTY === true,
    env: process.env,
  },
  signal: stop.signal,
  driverCommand: [
    process.execPath,
    // The driver is to be as small as we are; a debugger's port cannot be shared.
    ...process.execArgv.filter((flag) => !flag.startsWith('--inspect')),
    existsSync(bundled) ? bundled : fromSource,
  ],
});
process.exit();
