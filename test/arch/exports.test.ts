import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const folders = [...readdirSync(root).filter((name) => existsSync(join(root, name, 'src'))), 'test', 'scripts'];
const files = folders
  .flatMap((name) =>
    readdirSync(join(root, name), { recursive: true, encoding: 'utf8' }).map((file) => join(name, file)),
  )
  .concat(readdirSync(root))
  .filter((file) => file.endsWith('.ts') && !/\/(gen|node_modules)\//.test(file));

const exported = /^export (?:async )?(?:abstract )?(?:function\*?|const|class) (\w+)/gm;

test('what is exported is used by another file: the rest is the own affair of its file, or dead', () => {
  const names = new Map<string, string[]>();
  const users = new Map<string, Set<string>>();
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8');
    // A package's door passes on, and uses nothing.
    if (file.endsWith('/src/index.ts')) continue;
    names.set(
      file,
      [...text.matchAll(exported)].map(([, name]) => name as string),
    );
    for (const word of new Set(text.match(/\w+/g))) users.set(word, (users.get(word) ?? new Set()).add(file));
  }
  const unused = [...names].flatMap(([file, all]) =>
    all.filter((name) => [...(users.get(name) ?? [])].every((user) => user === file)).map((name) => `${file}: ${name}`),
  );
  expect(unused).toEqual([]);
});
