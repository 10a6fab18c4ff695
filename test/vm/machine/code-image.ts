import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';

const root = join(import.meta.dirname, '../../..');

/** Bundles the cases of one file, their runner and the driver as they are now, and puts them on a disk for the guest. */
export async function codeImage(caseFile: string, folder: string): Promise<string> {
  const tree = join(folder, 'code');
  mkdirSync(join(tree, 'node_modules'), { recursive: true });
  await build({
    absWorkingDir: root,
    stdin: { contents: entry(caseFile), resolveDir: import.meta.dirname, sourcefile: 'guest-entry.ts', loader: 'ts' },
    outfile: join(tree, 'test/guest/main.js'),
    ...shared,
  });
  await build({
    absWorkingDir: root,
    entryPoints: { main: 'csi-driver/src/main.ts' },
    outdir: join(tree, 'csi-driver/src'),
    ...shared,
    // It starts many times, on a machine that is ten times slower.
    minify: true,
    keepNames: true,
    sourcemap: false,
  });
  // Where the harness of the tests looks for it.
  writeFileSync(join(tree, 'csi-driver/src/main.ts'), "import './main.js';\n");
  writeFileSync(join(tree, 'package.json'), '{ "type": "module" }\n');
  copyNative(tree);
  const image = join(folder, 'code.img');
  execFileSync('mkfs.ext4', ['-q', '-F', '-O', '^has_journal', '-m', '0', '-d', tree, image, '96m'], { stdio: 'pipe' });
  return image;
}

const shared: BuildOptions = {
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node26',
  external: ['koffi', 'vitest'],
  alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
  sourcemap: 'inline',
  sourcesContent: false,
  logLevel: 'warning',
  banner: {
    js: "import { createRequire as berthRequire } from 'node:module'; const require = berthRequire(import.meta.url);",
  },
};

function entry(caseFile: string): string {
  return `import { cases } from ${JSON.stringify(caseFile)};
import { runCases } from '../guest/run-cases.ts';
await runCases(cases);
`;
}

/** koffi loads its addon by the place it is at, so it stays a package. */
function copyNative(tree: string): void {
  const names = ['koffi', `@koromix/koffi-linux-${process.arch}`];
  for (const name of names) {
    const to = join(tree, 'node_modules', name);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(root, 'node_modules', name), to, { recursive: true });
  }
}
