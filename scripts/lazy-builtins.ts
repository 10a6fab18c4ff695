import { builtinModules } from 'node:module';
import type { Plugin } from 'esbuild';

/**
 * Has a bundle read only those names of Node's own modules that it uses. An import statement makes Node read all of them, among
 * them `http.WebSocket` and `crypto.webcrypto`, which load what nobody here needs: 100 ms of a start, and 6 MB.
 */
export const lazyBuiltins: Plugin = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:/ }, ({ path, kind }) =>
      kind === 'import-statement' && builtinModules.includes(path.replace('node:', ''))
        ? { path, namespace: 'builtin', sideEffects: false }
        : undefined,
    );
    onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({ contents: exportsOf(path), loader: 'js' }));
  },
};

/** Calls marked pure go where nobody uses what they return; reading a property cannot be marked. */
function exportsOf(path: string): string {
  const names = Object.keys(process.getBuiltinModule(path) as object).filter(
    (name) => name !== 'default' && isName(name),
  );
  return [
    `const all = process.getBuiltinModule(${JSON.stringify(path)});`,
    'const read = (name) => all[name];',
    'export default all;',
    ...names.map(
      (name, index) =>
        `const v${index} = /* @__PURE__ */ read(${JSON.stringify(name)}); export { v${index} as ${name} };`,
    ),
  ].join('\n');
}

function isName(text: string): boolean {
  return /^[A-Za-z_$][\w$]*$/.test(text);
}
