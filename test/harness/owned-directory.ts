import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isSame, type Life, lifeOf } from './node-traces.ts';

/** Where tests write down which directories of theirs have something on this machine: outside of these, which are judged by what is in them. */
const owners = () => process.env['BERTH_TEST_OWNERS'] ?? join(tmpdir(), 'berth-test-owners');

/** A directory, and the test that made it. */
export interface OwnedDirectory {
  readonly directory: string;
  readonly test: string;
}

interface Owned extends OwnedDirectory {
  readonly owner: Life;
}

let running = 'no test';
const made: OwnedDirectory[] = [];

/** Which test of this process runs: what is owned from here on is its. */
export function nameTest(test: string): void {
  running = test;
}

/** What this process owned since it was asked last, whether or not it is gone. */
export function takeMade(): OwnedDirectory[] {
  return made.splice(0);
}

/** Says that this process cleans up after `directory`; when it is killed instead, the next run of the tests does. */
export function own(directory: string): void {
  const test = running;
  if (!made.some((one) => one.directory === directory)) made.push({ directory, test });
  mkdirSync(owners(), { recursive: true });
  writeFileSync(fileOf(directory), JSON.stringify({ directory, test, owner: lifeOf(process.pid) }));
}

/** Nothing of it is left. */
export function disown(directory: string): void {
  rmSync(fileOf(directory), { force: true });
}

/** Directories whose tests were killed before they could clean up. */
export function abandoned(): OwnedDirectory[] {
  return records().flatMap(({ directory, test, owner }) => (isSame(owner) ? [] : [{ directory, test }]));
}

/** Directories whose tests go on. */
export function ownedNow(): OwnedDirectory[] {
  return records().filter(({ owner }) => isSame(owner));
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
