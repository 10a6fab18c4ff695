#!/usr/bin/env node
import { stderrByTurns } from '@berth/kit';
import { runCli } from './cli.ts';

const stop = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => stop.abort());

// A reader of our output that goes away is no reason to fail.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: stderrByTurns(),
  now: () => Date.now(),
  signal: stop.signal,
});
