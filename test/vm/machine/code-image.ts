import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';

const root = join(import.meta.dirname, '../../..');

/** Bundles these modules of `guest/` with their runner, and the driver as it is now, and puts them on a disk for the guest. */
export async function codeImage(files: readonly string[], folder: string): Promise<string> {
  const tree = join(folder, 'code');
  mkdirSync(join(tree, 'node_modules'), { recursive: true });
  await build({
    absWorkingDir: root,
    stdin: { contents: entry(files), resolveDir: import.meta.dirname, sourcefile: 'guest-entry.ts', loader: 'ts' },
    outfile: join(tree, 'test/guest/main.js'),
    ...shared,
  });
  await build({
    absWorkingDir: root,
    entryPoints: { 'mount-helper': 'test/vm/guest/mount-helper.ts' },
    outdir: join(tree, 'test/guest'),
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

function entry(files: readonly string[]): string {
  const imports = files.map((file, index) => `import { cases as cases${index} } from '../guest/${file}';\n`);
  return `${imports.join('')}import { runCases } from '../guest/run-cases.ts';
await runCases([${files.map((_, index) => `...cases${index}`).join(', ')}]);
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
