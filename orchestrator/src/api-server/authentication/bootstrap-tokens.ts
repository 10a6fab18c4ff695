import { timingSafeEqual } from 'node:crypto';
import { parseTime } from '@berth/kube';
import type { TokenAuthenticator } from '../http/authenticate.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';

const secretType = 'bootstrap.kubernetes.io/token';
const groupPattern = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/**
 * Tokens of nodes that join: `ID.SECRET`, kept as the Secret `bootstrap-token-ID` in kube-system
 * (plugin/pkg/auth/authenticator/token/bootstrap).
 */
export function bootstrapTokens(context: ServerContext): TokenAuthenticator {
  return {
    authenticate: async (token) => {
      const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token) ?? [];
      if (!id || !secret) return undefined;
      const stored = await context.storageOf('', 'secrets')?.find('kube-system', `bootstrap-token-${id}`);
      if (!stored || !isValid(stored.object, { id, secret, now: context.clock.now() })) return undefined;
      const said = dataOf(stored.object)('auth-extra-groups') ?? '';
      const extra = said === '' ? [] : said.split(',');
      if (!extra.every((group) => groupPattern.test(group))) return undefined;
      return { name: `system:bootstrap:${id}`, groups: [...new Set(['system:bootstrappers', ...extra])].sort() };
    },
  };
}

interface Given {
  readonly id: string;
  readonly secret: string;
  readonly now: number;
}

function isValid(object: AnyObject, { id, secret, now }: Given): boolean {
  const data = dataOf(object);
  return (
    object.metadata.deletionTimestamp === undefined &&
    object['type'] === secretType &&
    same(data('token-id'), id) &&
    same(data('token-secret'), secret) &&
    data('usage-bootstrap-authentication') === 'true' &&
    !isOver(data('expiration') ?? '', now)
  );
}

/** Without an end it is never over; what cannot be read is (cluster-bootstrap util/secrets). */
function isOver(expiration: string, now: number): boolean {
  try {
    return expiration !== '' && parseTime(expiration).epochMs <= now;
  } catch {
    return true;
  }
}

function dataOf(object: AnyObject): (key: string) => string | undefined {
  const data = (object['data'] ?? {}) as Readonly<Record<string, string>>;
  return (key) => (data[key] === undefined ? undefined : Buffer.from(data[key], 'base64').toString());
}

/** In a time that tells nothing of where they differ. */
function same(a: string | undefined, b: string): boolean {
  const [one, other] = [Buffer.from(a ?? ''), Buffer.from(b)];
  return one.length === other.length && timingSafeEqual(one, other);
}
