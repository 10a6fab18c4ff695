import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fetchAgain } from '../../scripts/fetch-again.mjs';
import { downloaded, goProgram } from './go-toolchain.ts';
import { madeOnce } from './made-once.ts';

export interface GoProgram {
  /** Its file below the cache of tests; another name is another program. */
  readonly name: string;
  /** The folder of the module it is in: pinned by its go.mod and go.sum. */
  readonly source?: string;
  /** Or its only file, and the modules that it needs with their versions. */
  readonly main?: { readonly text: string; readonly modules: readonly string[] };
  /** Its folder in there, in the same module or with one of its own; the root unless told. */
  readonly package?: string;
  /** The program that `go test` would run. */
  readonly tests?: boolean;
}

/** The same for all, so that what they have in common is compiled once. */
const flags = ['-trimpath', '-buildvcs=false', '-ldflags=-s -w'];
const environment = { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=mod', GOWORK: 'off' };

/** Builds it where it has not been on this machine. @throws Error – there is no Go to build with, or it does not build. */
export function builtGoProgram({ name, source, main, package: folder = '.', tests = false }: GoProgram): string {
  return madeOnce(name, (target, work) => {
    const go = (...args: string[]) =>
      execFileSync(goProgram(), args, { cwd: work, env: environment, stdio: ['ignore', 'ignore', 'inherit'] });
    const fetch = (...args: string[]) => fetchAgain(`go ${args.join(' ')}`, () => go(...args));
    if (source !== undefined) copyModule(source, work);
    if (main) {
      writeFileSync(join(work, 'main.go'), main.text);
      writeFileSync(join(work, 'go.mod'), 'module program\n\ngo 1.24.0\n');
      fetch('get', ...main.modules);
      fetch('mod', 'tidy');
    }
    // All that it is built from, so that building it asks nobody.
    fetch('-C', folder, 'list', '-deps', ...(tests ? ['-test'] : []), '.');
    go('-C', folder, ...(tests ? ['test', '-c'] : ['build']), ...flags, '-o', target, '.');
  });
}

/** Changes with any file of the module's root and of these folders of it, so that it can be part of a name. */
export function moduleHash(source: string, folders: readonly string[] = []): string {
  const hash = createHash('sha256');
  const files = ['.', ...folders].flatMap((folder) =>
    readdirSync(join(source, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => join(folder, name)),
  );
  for (const file of files.sort()) hash.update(file).update(readFileSync(join(source, file)));
  return hash.digest('hex').slice(0, 16);
}

/** The folder of a published module. @throws Error – it cannot be had. */
export function goModule(nameAtVersion: string): string {
  return downloaded(goProgram(), nameAtVersion);
}

/** Files of Go's module cache cannot be written; their copies have to be. */
function copyModule(source: string, target: string): void {
  cpSync(source, target, { recursive: true });
  for (const entry of readdirSync(target, { recursive: true, withFileTypes: true }))
    chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
}
