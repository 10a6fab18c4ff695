/** Writes everything generated from the facts; `git diff --exit-code` after it tells whether the committed files are current. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const own = new Set(['main.ts', 'facts.ts']);
for (const name of readdirSync(import.meta.dirname).sort()) {
  if (name.endsWith('.ts') && !own.has(name)) await import(join(import.meta.dirname, name));
}
