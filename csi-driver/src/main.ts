#!/usr/bin/env node
import { text } from 'node:stream/consumers';
import { keepCompiled, outputsByTurns } from '@berth/kit';

keepCompiled(import.meta.filename);
const { runCli } = await import('./cli.ts');

process.umask(0o077);

function stopped(untilStdinCloses: boolean): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGTERM', () => resolve());
    process.once('SIGINT', () => resolve());
    if (untilStdinCloses)
      process.stdin
        .once('end', resolve)
        .once('error', () => resolve())
        .resume();
  });
}

// A reader of our output that goes away is no reason to fail.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  ...outputsByTurns(process),
  now: () => Date.now(),
  stopped,
  self: [process.execPath, ...process.execArgv, process.argv[1] ?? ''],
  input: () => text(process.stdin),
});
if (process.exitCode !== 0 || !process.stdin.destroyed) process.exit();
