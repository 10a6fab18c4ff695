import type { Clock, Logger } from '@berth/kit';
import { followFile } from '../configuration/follow-file.ts';
import { readFileText } from '../configuration/read-file-text.ts';
import { parseAuthorizationConfiguration } from './authorization-configuration.ts';
import type { NamedAuthorizer } from './authorization-options.ts';

export interface FollowedAuthorizers {
  /** A file of --authorization-config. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly observer: { reloaded(success: boolean): void };
  readonly use: (authorizers: readonly NamedAuthorizer[]) => Promise<void>;
}

/** Uses what the file says, and whatever it says later; what is wrong then changes nothing. @throws RangeError – it is wrong now. */
export async function followAuthorizers({
  path,
  clock,
  log,
  signal,
  observer,
  use,
}: FollowedAuthorizers): Promise<void> {
  const text = await readFileText(path);
  const first = parseAuthorizationConfiguration(text);
  await use(first);
  const again = async (now: string) => await use(parseAuthorizationConfiguration(now, first));
  const reloaded = (success: boolean) => observer.reloaded(success);
  followFile({ path, clock, log, text, of: 'authorizers', use: again, reloaded }, signal);
}
