import { type Clock, type Logger, messageOf } from '@berth/kit';
import { followFile } from '../configuration/follow-file.ts';
import { parseAuthorizationConfiguration, readAuthorizationConfiguration } from './authorization-configuration.ts';
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
  let text = await readAuthorizationConfiguration(path);
  const first = parseAuthorizationConfiguration(text);
  await use(first);
  const look = async (): Promise<void> => {
    try {
      const now = await readAuthorizationConfiguration(path);
      if (now === text) return;
      text = now;
      await use(allowed(parseAuthorizationConfiguration(now, first), first));
      observer.reloaded(true);
      log.info('authorizers are read again', { path });
    } catch (error) {
      observer.reloaded(false);
      log.error('authorizers stay as they were', { path, reason: messageOf(error) });
    }
  };
  followFile({ path, clock, log, look }, signal);
}

/** What has to be there from the start on. */
const lasting = new Set(['Node', 'ABAC', 'RBAC']);

function allowed(now: readonly NamedAuthorizer[], first: readonly NamedAuthorizer[]): readonly NamedAuthorizer[] {
  const added = now.find(({ type }) => lasting.has(type) && !first.some((one) => one.type === type));
  if (added)
    throw new RangeError(
      `authorizer type ${added.type} is not allowed if it was not enabled at initial server startup`,
    );
  return now;
}
