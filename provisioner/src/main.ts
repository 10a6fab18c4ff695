#!/usr/bin/env node
import { keepCompiled, outputsByTurns } from '@berth/kit';

keepCompiled(import.meta.filename);
const { runCli } = await import('./cli.ts');

const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());

// A reader of our output that goes away is no reason to fail.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  ...outputsByTurns(process),
  now: () => Date.now(),
  signal: stop.signal,
});
