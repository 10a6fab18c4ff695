import type { Clock } from '@berth/kit';
import type { Refused, TokenAuthenticator } from '../http/authenticate.ts';
import { notFound } from '../resource-errors.ts';
import type { ServerContext } from '../server-context.ts';
import type { User } from '../user.ts';
import type { ReviewedToken, TokenIssuer } from './token-issuer.ts';

/** A token ends with its service account, and with the pod, secret or node it was made for (upstream's bound token validator). */
export function liveAccounts(
  context: ServerContext,
  tokens: TokenIssuer & TokenAuthenticator,
): TokenIssuer & TokenAuthenticator {
  const counts = context.metrics.tokens;
  const review: TokenIssuer['review'] = async (token, audiences, refused) => {
    const found = await tokens.review(token, audiences, refused);
    if (found) {
      const lives = await isLive(context, found, refused);
      if (lives) (isStale(found, context.clock) ? counts.stale : counts.valid).add();
      return lives ? found : undefined;
    }
    const legacy = tokens.readLegacy?.(token);
    // Made before there were audiences: it is for this server.
    const common =
      audiences.length === 0 ? tokens.audiences : tokens.audiences.filter((one) => audiences.includes(one));
    if (!legacy || common.length === 0) return undefined;
    const { legacyUser } = await import('./legacy-tokens.ts');
    const user = await legacyUser(context, token, legacy);
    if (user) counts.legacy.add();
    return user && { user, audiences: common };
  };
  return {
    issuer: tokens.issuer,
    otherIssuers: tokens.otherIssuers,
    audiences: tokens.audiences,
    ...(tokens.lifetimes ? { lifetimes: tokens.lifetimes } : {}),
    issue: (request) => tokens.issue(request),
    review,
    authenticate: async (token, refused) => (await review(token, [], refused))?.user,
  };
}

/** Whether it would not be good any more, had it not been given more time. */
function isStale({ warnAfter }: ReviewedToken, clock: Clock): boolean {
  return warnAfter !== undefined && clock.now() / 1000 > warnAfter;
}

/** What a token's user ends with. */
interface Needed {
  readonly plural: 'serviceaccounts' | 'pods' | 'secrets' | 'nodes';
  readonly namespace: string;
  readonly name: string;
  readonly uid: string | undefined;
}

/** By user, who is the same for each request with a token. */
const needs = new WeakMap<User, readonly Needed[]>();

async function isLive(context: ServerContext, found: ReviewedToken, refused: Refused | undefined): Promise<boolean> {
  let needed = needs.get(found.user);
  if (!needed) {
    needed = neededBy(found);
    needs.set(found.user, needed);
  }
  // The newest is asked for only where what is at hand says otherwise: it may be late (pkg/controller/serviceaccount/tokengetter.go).
  for (const each of needed) {
    if ((await isThere(context, each, 0)) || (await isThere(context, each))) continue;
    refused?.(await whyEnded(context, each));
    return false;
  }
  return true;
}

/** How upstream names what a token's claims are about (pkg/serviceaccount claims.go). */
const claimed = {
  serviceaccounts: ['service account', ''],
  pods: ['pod', 'service account pod ref '],
  secrets: ['secret', 'service account secret ref '],
  nodes: ['node', 'service account node ref '],
} as const;

async function whyEnded(context: ServerContext, { plural, namespace, name, uid }: Needed): Promise<string> {
  const found = await context.storageOf('', plural)?.find(namespace, name);
  const [kind, ref] = claimed[plural];
  if (found) return `${kind} UID (${found.object.metadata.uid}) does not match ${ref}claim (${uid})`;
  if (plural === 'serviceaccounts') return notFound({ group: '', plural }, name).message;
  return 'service account token has been invalidated';
}

async function isThere(
  context: ServerContext,
  { plural, namespace, name, uid }: Needed,
  notOlderThan?: 0,
): Promise<boolean> {
  const found = await context.storageOf('', plural)?.find(namespace, name, notOlderThan);
  return found !== undefined && found.object.metadata.uid === uid;
}

function neededBy({ user: { name: full, uid, extra = {} }, secret }: ReviewedToken): readonly Needed[] {
  const [system, kind, namespace = '', name = '', ...more] = full.split(':');
  if (system !== 'system' || kind !== 'serviceaccount' || more.length > 0) return [];
  const account: Needed = { plural: 'serviceaccounts', namespace, name, uid };
  if (secret) return [account, { plural: 'secrets', namespace, name: secret.name, uid: secret.uid }];
  const told = (what: string) => extra[`authentication.kubernetes.io/${what}`]?.[0];
  const [pod, node] = [told('pod-name'), told('node-name')];
  if (pod !== undefined) return [account, { plural: 'pods', namespace, name: pod, uid: told('pod-uid') }];
  // The node of a pod is told, and may go before the pod does.
  if (node !== undefined) return [account, { plural: 'nodes', namespace: '', name: node, uid: told('node-uid') }];
  return [account];
}
