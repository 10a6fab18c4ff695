import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fetchAgain } from '../../scripts/fetch-again.mjs';

/** What the tests' Go programs (csi-sanity, kubectl) are built with where the machine's own Go is too old to fetch it by itself. */
const version = '1.26.0';

/** Since this one, `go` brings the toolchain that a module asks for. */
const selfUpgrading = 21;

let found: string | undefined;

/** A Go that can build the tests' programs; an older one fetches a newer as a module. @throws Error – there is none at all. */
export function goProgram(): string {
  found ??= findGo();
  return found;
}

function findGo(): string {
  const go = [
    '/usr/local/go/bin/go',
    ...(process.env['PATH'] ?? '').split(':').map((folder) => join(folder, 'go')),
    '/usr/bin/go',
  ].find((path) => existsSync(path));
  if (!go)
    throw new Error('the tests build csi-sanity with Go, and there is none; install it: apt-get install golang-go');
  const minor = Number(/go1\.(\d+)/.exec(execFileSync(go, ['version'], { encoding: 'utf8' }))?.[1] ?? 0);
  return minor >= selfUpgrading ? go : fetchToolchain(go);
}

/** Toolchains are modules of their own, whose files lose their mode on the way. */
function fetchToolchain(go: string): string {
  const name = `golang.org/toolchain@v0.0.1-go${version}.linux-${process.arch === 'x64' ? 'amd64' : process.arch}`;
  const root = downloaded(go, name);
  for (const folder of ['bin', ...toolFolders(root)])
    for (const file of readdirSync(join(root, folder))) chmodSync(join(root, folder, file), 0o555);
  return join(root, 'bin/go');
}

/** The folder of a published module. @throws Error – it cannot be had */
export function downloaded(go: string, nameAtVersion: string): string {
  const args = ['mod', 'download', '-json', nameAtVersion];
  return (
    JSON.parse(fetchAgain(`go ${args.join(' ')}`, () => execFileSync(go, args, { cwd: '/', encoding: 'utf8' }))) as {
      Dir: string;
    }
  ).Dir;
}

function toolFolders(root: string): string[] {
  return readdirSync(join(root, 'pkg/tool')).map((name) => join('pkg/tool', name));
}
