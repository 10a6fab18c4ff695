import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { OciProcess, OciSpec } from './oci-spec.ts';

export interface ExecFiles {
  /** The OCI runtime writes the command's pid here. */
  readonly pidFile: string;
  readonly processFile: string;
}

/**
 * Writes what a command in the container of `bundle` runs as: like its first process in all but the arguments.
 * runc would take that from the bundle by itself, crun would not.
 */
export async function writeExecProcess(
  bundle: string,
  name: string,
  command: { readonly args: readonly string[]; readonly terminal: boolean },
): Promise<ExecFiles> {
  const { process } = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8')) as OciSpec;
  const env = command.terminal ? withTerm(process.env) : process.env;
  const exec: OciProcess = { ...process, ...command, env };
  const processFile = join(bundle, `exec-${name}.json`);
  await writeFile(processFile, JSON.stringify(exec), { mode: 0o600 });
  return { processFile, pidFile: join(bundle, `exec-${name}.pid`) };
}

function withTerm(env: readonly string[]): readonly string[] {
  return env.some((line) => line.startsWith('TERM=')) ? env : [...env, 'TERM=xterm'];
}
