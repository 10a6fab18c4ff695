import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const source = join(import.meta.dirname, 'keep-compiled.ts');

function runIn(folder: string, name: string): string[] {
  const program = join(folder, name);
  writeFileSync(join(folder, 'rest.mjs'), 'export const rest = () => 1;\n');
  writeFileSync(
    program,
    `import { keepCompiled } from ${JSON.stringify(source)};
     process.umask(0);
     keepCompiled(import.meta.filename);
     (await import('./rest.mjs')).rest();\n`,
  );
  execFileSync(process.execPath, ['--disable-warning=ExperimentalWarning', program]);
  return readdirSync(folder).toSorted();
}

test('a built program keeps what was compiled beside it, for nobody else to write; one that runs from its sources leaves nothing there', () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-compiled-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
    expect(runIn(folder, 'program.ts')).toEqual(['package.json', 'program.ts', 'rest.mjs']);
    expect(runIn(folder, 'program.js')).toContain('compiled');
    const [cache = ''] = readdirSync(join(folder, 'compiled'));
    for (const kept of ['compiled', join('compiled', cache)])
      expect(statSync(join(folder, kept)).mode & 0o777).toBe(0o755);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
