import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runCli } from '../cli.ts';

export interface Ran {
  readonly exitCode: number;
  readonly out: string;
  readonly err: string;
}

/** Runs csictl in this process. */
export async function csictl(...argv: string[]): Promise<Ran> {
  return await startCsictl(argv).ended;
}

/** Starts csictl in this process; `interrupt` is what Ctrl-C does. */
export function startCsictl(argv: readonly string[]) {
  const text = { out: '', err: '' };
  let interrupt: (() => void) | undefined;
  const ended = runCli(argv, {
    env: {},
    out: (more) => {
      text.out += more;
    },
    err: (more) => {
      text.err += more;
    },
    isInteractive: false,
    onInterrupt: (run) => {
      interrupt = run;
      return { [Symbol.dispose]: () => undefined };
    },
  }).then((exitCode) => ({ exitCode, ...text }));
  return { ended, text, interrupt: () => interrupt?.() };
}

/** A folder of a test's own. */
export function testFolder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-csictl-'));
  return {
    path,
    endpoint: `unix://${path}/csi.sock`,
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  };
}
