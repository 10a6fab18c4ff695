import { fetchAgain } from './fetch-again.mjs';

/**
 * Installs packages by `run`, which takes apt-get's arguments. Lists and packages are one thing to try again: an update that
 * reaches no mirror only warns, and without its lists no package is found. Plain JavaScript, for the set-up.
 */
export function aptInstall(names, run, pause) {
  const fetch = () => {
    run(['update', '-qq']);
    run(['install', '-y', '-qq', '--no-install-recommends', ...names]);
  };
  fetchAgain('apt-get', fetch, pause);
}
