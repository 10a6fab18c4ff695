import { execFileSync } from 'node:child_process';

/** Seconds before the second try and the third. */
const pauses = [2, 10];

/**
 * What only fetches packages, tried three times: mirrors, registries and the proxies before them fail for a moment, and what was
 * fetched by then is kept. Plain JavaScript, for the set-up.
 * @throws what the last try threw
 */
export function fetchAgain(what, fetch, pause = waitAloud) {
  for (const seconds of pauses) {
    try {
      return fetch();
    } catch {
      pause(what, seconds);
    }
  }
  return fetch();
}

function waitAloud(what, seconds) {
  process.stderr.write(`berth: ${what} failed, see above; once more in ${seconds} s\n`);
  execFileSync('sleep', [String(seconds)]);
}
