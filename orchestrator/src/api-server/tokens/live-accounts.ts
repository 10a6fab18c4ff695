import type { Clock } from '@berth/kit';
import type { Refused, TokenAuthenticator } from '../http/authenticate.ts';
import type { AnyObject } from '../resource-definition.ts';
import { notFound } from '../resource-errors.ts';
import type { ServerContext } from '../server-context.ts';
import { leewaySeconds, notFor } from './bound-claims.ts';
import type { ReviewedToken, TokenBinding, TokenIssuer } from './token-issuer.ts';

/** A token ends with its service account, and with the pod, secret or node it was made for (upstream's bound token validator). */
export function liveAccounts(
  context: ServerContext,
  tokens: TokenIssuer & TokenAuthenticator,
): TokenIssuer & TokenAuthenticator {
  const counts = context.metrics.tokens;
  const review: TokenIssuer['review'] = async (token, audiences, refused) => {
    const found = await tokens.review(token, audiences, refused);
    if (found) {
      const lives = !found.binding || (await isLive(context, found.binding, refused));
      if (lives) (isStale(found, context.clock) ? counts.stale : counts.valid).add();
      return lives ? found : undefined;
    }
    const legacy = tokens.readLegacy?.(token, refused);
    // Made before there were audiences: it is for this server.
    const common =
      audiences.length === 0 ? tokens.audiences : tokens.audiences.filter((one) => audiences.includes(one));
    if (legacy && common.length === 0) refused?.(notFor(tokens.audiences, audiences));
    if (!legacy || common.length === 0) return undefined;
    const { legacyUser } = await import('./legacy-tokens.ts');
    const user = await legacyUser(context, token, legacy, refused);
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
  readonly uid: string;
}

const needs = new WeakMap<TokenBinding, readonly Needed[]>();

async function isLive(context: ServerContext, binding: TokenBinding, refused: Refused | undefined): Promise<boolean> {
  let needed = needs.get(binding);
  if (!needed) {
    needed = neededBy(binding);
    needs.set(binding, needed);
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
  const found = await find(context, { plural, namespace, name });
  const [kind, ref] = claimed[plural];
  if (found && found.metadata.uid !== uid)
    return `${kind} UID (${found.metadata.uid}) does not match ${ref}claim (${uid})`;
  if (plural !== 'serviceaccounts') return 'service account token has been invalidated';
  if (found) return `service account ${namespace}/${name} has been deleted`;
  if (name === '') return 'resource name may not be empty';
  return notFound({ group: '', plural }, name).message;
}

async function isThere(context: ServerContext, needed: Needed, notOlderThan?: 0): Promise<boolean> {
  const { metadata } = (await find(context, needed, notOlderThan)) ?? {};
  if (metadata?.uid !== needed.uid) return false;
  const { deletionTimestamp } = metadata;
  // Who goes has its grace period, and others' clocks are not ours; what finalizers hold for longer is gone for tokens.
  return deletionTimestamp === undefined || Date.parse(deletionTimestamp) >= context.clock.now() - leewaySeconds * 1000;
}

async function find(
  context: ServerContext,
  { plural, namespace, name }: Pick<Needed, 'plural' | 'namespace' | 'name'>,
  notOlderThan?: 0,
): Promise<AnyObject | undefined> {
  if (name === '') return undefined;
  return (await context.storageOf('', plural)?.find(namespace, name, notOlderThan))?.object;
}

function neededBy({ namespace, serviceAccount, secret, pod, node }: TokenBinding): readonly Needed[] {
  return [
    { plural: 'serviceaccounts', namespace, ...serviceAccount },
    ...(secret ? [{ plural: 'secrets', namespace, ...secret } as const] : []),
    ...(pod ? [{ plural: 'pods', namespace, ...pod } as const] : []),
    // The node of a pod may go before the pod does.
    ...(node && !pod ? [{ plural: 'nodes', namespace: '', ...node } as const] : []),
  ];
}
