import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isSame, type Life, lifeOf } from './node-traces.ts';

/** Where tests write down which directories of theirs have something on this machine: outside of these, which are judged by what is in them. */
const owners = () => process.env['BERTH_TEST_OWNERS'] ?? join(tmpdir(), 'berth-test-owners');

interface Owned {
  readonly directory: string;
  readonly owner: Life;
}

/** Says that this process cleans up after `directory`; when it is killed instead, the next run of the tests does. */
export function own(directory: string): void {
  mkdirSync(owners(), { recursive: true });
  writeFileSync(fileOf(directory), JSON.stringify({ directory, owner: lifeOf(process.pid) }));
}

/** Nothing of it is left. */
export function disown(directory: string): void {
  rmSync(fileOf(directory), { force: true });
}

/** Directories whose tests were killed before they could clean up. */
export function abandoned(): string[] {
  return records().flatMap(({ directory, owner }) => (isSame(owner) ? [] : [directory]));
}

function fileOf(directory: string): string {
  return join(owners(), `${basename(directory)}.json`);
}

function records(): Owned[] {
  try {
    return readdirSync(owners()).flatMap((name) => {
      try {
        return [JSON.parse(readFileSync(join(owners(), name), 'utf8')) as Owned];
      } catch {
        // Being written, or gone meanwhile.
        return [];
      }
    });
  } catch {
    return [];
  }
}
