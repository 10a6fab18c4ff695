import { expect, test } from 'vitest';
import { aptInstall } from '../../scripts/apt-install.mjs';
import { fetchAgain } from '../../scripts/fetch-again.mjs';

/** A registry that fails so often, and what was waited for. */
function failing(times: number) {
  const waited: [string, number][] = [];
  let tries = 0;
  const fetch = () => {
    tries++;
    if (tries <= times) throw new Error(`502, try ${tries}`);
    return 'fetched';
  };
  return { waited, run: () => fetchAgain('npm ci', fetch, (what, seconds) => waited.push([what, seconds])) };
}

test.each([
  [0, []],
  [1, [['npm ci', 2]]],
  [
    2,
    [
      ['npm ci', 2],
      ['npm ci', 10],
    ],
  ],
])('what a registry refuses %i times is fetched', (times, waits) => {
  const { waited, run } = failing(times);
  expect(run()).toBe('fetched');
  expect(waited).toEqual(waits);
});

test('what fails three times fails with what the last try said', () => {
  expect(failing(3).run).toThrow('502, try 3');
});

test('packages that are not found are looked for in new lists: an update without a mirror only warns', () => {
  const ran: string[] = [];
  let mirrorIsThere = false;
  let listed = false;
  const run = ([command = '', ...args]: readonly string[]) => {
    ran.push(command);
    if (command === 'update') listed = mirrorIsThere;
    else if (!listed) throw new Error(`Unable to locate package ${args.at(-1)}`);
  };
  aptInstall(['crun'], run, () => {
    mirrorIsThere = true;
  });
  expect(ran).toEqual(['update', 'install', 'update', 'install']);
});
