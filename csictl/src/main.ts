#!/usr/bin/env node
import { keepCompiled } from '@berth/kit';

keepCompiled(import.meta.filename);
const { runCli } = await import('./cli.ts');

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads has seen enough, as "| head" does.
  if (error.code === 'EPIPE') process.exit();
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(text),
  outBytes: (bytes) =>
    new Promise((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    }),
  err: (text) => process.stderr.write(text),
  isInteractive: process.stdout.isTTY === true,
  onInterrupt: (run) => {
    const signals = ['SIGINT', 'SIGTERM'] as const;
    for (const signal of signals) process.once(signal, run);
    return {
      [Symbol.dispose]: () => {
        for (const signal of signals) process.removeListener(signal, run);
      },
    };
  },
});
