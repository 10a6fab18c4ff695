import type { TokenAuthenticator } from '../http/authenticate.ts';
import type { ServerContext } from '../server-context.ts';
import type { User } from '../user.ts';
import type { TokenIssuer } from './token-issuer.ts';

/** A token ends with its service account, and with the pod it was made for (upstream's bound token validator). */
export function liveAccounts(
  context: ServerContext,
  tokens: TokenIssuer & TokenAuthenticator,
): TokenIssuer & TokenAuthenticator {
  const review: TokenIssuer['review'] = async (token, audiences) => {
    const found = await tokens.review(token, audiences);
    if (found) return (await isLive(context, found.user)) ? found : undefined;
    const legacy = tokens.readLegacy?.(token);
    // Made before there were audiences: it is for this server.
    if (!legacy || (audiences.length > 0 && !audiences.includes(tokens.issuer))) return undefined;
    const { legacyUser } = await import('./legacy-tokens.ts');
    const user = await legacyUser(context, token, legacy);
    return user && { user, audiences: [tokens.issuer] };
  };
  return {
    issuer: tokens.issuer,
    issue: (request) => tokens.issue(request),
    review,
    authenticate: async (token) => (await review(token, []))?.user,
  };
}

async function isLive(context: ServerContext, { name, uid, extra = {} }: User): Promise<boolean> {
  const [system, kind, namespace = '', account = '', ...more] = name.split(':');
  if (system !== 'system' || kind !== 'serviceaccount' || more.length > 0) return true;
  if (!(await exists(context, 'serviceaccounts', { namespace, name: account, uid }))) return false;
  const pod = extra['authentication.kubernetes.io/pod-name']?.[0];
  if (pod === undefined) return true;
  return exists(context, 'pods', { namespace, name: pod, uid: extra['authentication.kubernetes.io/pod-uid']?.[0] });
}

async function exists(
  context: ServerContext,
  plural: string,
  { namespace, name, uid }: { namespace: string; name: string; uid: string | undefined },
): Promise<boolean> {
  const found = await context.storageOf('', plural)?.find(namespace, name);
  return found !== undefined && found.object.metadata.uid === uid;
}
