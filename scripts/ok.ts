/** What must hold before every commit, in seconds: format, lint, types, architecture, unit tests; with `static`, without the tests. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const bin = (name: string) => join(root, 'node_modules/.bin', name);
const steps: [string, string[]][] = [
  [bin('biome'), ['check', '.']],
  [bin('tsc'), ['-p', root]],
  [bin('node'), [bin('vitest'), 'run', '--project', 'arch', '--project', 'unit']],
];

for (const [command, args] of process.argv[2] === 'static' ? steps.slice(0, 2) : steps) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
