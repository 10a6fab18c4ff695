import { execFileSync, spawn } from 'node:child_process';
import { existsSync, openSync, writeSync } from 'node:fs';
import { release } from 'node:os';
import { inspect } from 'node:util';
import { type GuestCase, type GuestReport, reportPort } from './guest-case.ts';
import { until } from './until.ts';

/** A case that takes longer has hung; the emulated machine is about ten times slower than this one, which others may keep busy. */
const patienceMs = 1_000_000;

/** Runs inside the guest: one case after the other, each reported as it ends. A case that fails does not stop the others. */
export async function runCases(cases: readonly GuestCase[]): Promise<void> {
  await until(() => existsSync(reportPort));
  const port = openSync(reportPort, 'r+');
  const report = (line: GuestReport) => writeSync(port, `${JSON.stringify(line)}\n`);
  // The host closes its end when it is gone. Another process waits for that: a thread of this one could not be stopped.
  spawn('cat', [], { stdio: [port, 'ignore', 'ignore'] }).on('exit', () => execFileSync('poweroff', ['-f']));
  report({ type: 'started', kernel: release() });
  for (const one of cases) {
    report({ type: 'begin', name: one.name });
    const started = performance.now();
    const failure = await failureOf(one);
    const durationMs = performance.now() - started;
    report({ type: 'end', name: one.name, durationMs, ...(failure === undefined ? {} : { failure }) });
  }
  report({ type: 'done' });
  process.exit(0);
}

async function failureOf({ run }: GuestCase): Promise<string | undefined> {
  const signal = AbortSignal.timeout(patienceMs);
  try {
    await Promise.race([
      run(signal),
      new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
    return undefined;
  } catch (error) {
    return error instanceof SuppressedError
      ? inspect(error)
      : error instanceof Error
        ? (error.stack ?? '')
        : inspect(error);
  }
}
