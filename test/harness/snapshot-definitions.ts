import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { goProgram } from './go-toolchain.ts';

const moduleVersion = 'github.com/kubernetes-csi/external-snapshotter/client/v8@v8.6.0';

/** The CustomResourceDefinitions of the external-snapshotter, as its module has them. */
export function snapshotDefinitions(): string[] {
  const answer = execFileSync(goProgram(), ['mod', 'download', '-json', moduleVersion], { cwd: '/', encoding: 'utf8' });
  const folder = join((JSON.parse(answer) as { Dir: string }).Dir, 'config/crd');
  const files = readdirSync(folder).filter((name) => name.endsWith('.yaml') && !name.startsWith('kustomization'));
  return files.map((name) => join(folder, name));
}
