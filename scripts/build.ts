/** Bundles the programs into dist/: one file each, so that a start reads few files. `--watch` is not offered: a build takes a second. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { lazyBuiltins } from './lazy-builtins.ts';

const root = join(import.meta.dirname, '..');
/** `BERTH_DIST` builds elsewhere, e.g. beside a run of the tests. */
const out = process.env['BERTH_DIST'] ?? join(root, 'dist');
const programs: Record<string, string> = {
  berth: 'orchestrator/src/berth/main.ts',
  'store-worker': 'orchestrator/src/store/store-worker.ts',
  'sub-path-child': 'volume-manager/src/sub-path/sub-path-child.ts',
  'yaml-worker': 'orchestrator/src/api-server/decoding/yaml-worker.ts',
  'aside-worker': 'orchestrator/src/api-server/aside/aside-worker.ts',
  'schema-worker': 'orchestrator/src/api-server/aggregation/schema-worker.ts',
  'cel-worker': 'orchestrator/src/cel/offload/cel-worker.ts',
  'csi-driver': 'csi-driver/src/main.ts',
  provisioner: 'provisioner/src/main.ts',
  csictl: 'csictl/src/main.ts',
};

mkdirSync(out, { recursive: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: programs,
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node26',
  external: ['koffi'],
  // Its Node build is CommonJS, whose names a dynamic import of a bundle does not see.
  alias: { yaml: join(root, 'node_modules/yaml/browser/index.js') },
  plugins: [lazyBuiltins],
  sourcemap: 'linked',
  sourcesContent: false,
  minifySyntax: true,
  // V8 keeps the text of what runs. Lines stay short enough to be shown with an error.
  minifyWhitespace: true,
  lineLimit: 160,
  metafile: true,
  logLevel: 'warning',
  // CommonJS dependencies inside an ES module bundle still call require().
  banner: {
    js: "import { createRequire as berthRequire } from 'node:module'; const require = berthRequire(import.meta.url);",
  },
});
for (const name of Object.keys(metafile.outputs)) if (name.endsWith('.js')) checkNarrow(join(root, name));
writeFileSync(join(out, 'package.json'), '{ "type": "module" }\n');
for (const name of Object.keys(programs)) chmodSync(join(out, `${name}.js`), 0o755);

/** One character beyond Latin-1 and V8 keeps the whole text in twice the memory. esbuild escapes them in strings, not in regular expressions. */
function checkNarrow(file: string): void {
  const wide = /[^\0-\xff].{0,40}/u.exec(readFileSync(file, 'utf8'));
  if (wide) throw new Error(`${file} has a character beyond Latin-1, to be written as an escape: ${wide[0]}`);
}
