import { timingSafeEqual } from 'node:crypto';
import { messageOf } from '@berth/kit';
import type { Refused } from '../http/authenticate.ts';
import type { AnyObject } from '../resource-definition.ts';
import { notFound } from '../resource-errors.ts';
import type { ServerContext } from '../server-context.ts';
import { loopback, type User } from '../user.ts';
import { changeObject } from '../verbs/change-object.ts';
import type { LegacyClaims } from './token-issuer.ts';

const lastUsed = 'kubernetes.io/legacy-token-last-used';
const invalidSince = 'kubernetes.io/legacy-token-invalid-since';

/** Whose token from a Secret it is, as long as the Secret has it and the account is there (pkg/serviceaccount legacy validator). */
export async function legacyUser(
  context: ServerContext,
  token: string,
  claims: LegacyClaims,
  refused?: Refused,
): Promise<User | undefined> {
  // The newest is asked for only where what is at hand says otherwise: it may be late (pkg/controller/serviceaccount/tokengetter.go).
  let found = await liveSecret(context, token, claims, 0);
  if ('why' in found) found = await liveSecret(context, token, claims);
  if ('why' in found) {
    refused?.(found.why);
    return undefined;
  }
  const { secret } = found;
  // Nobody waits for it; who tries with an invalid one is seen as well.
  void noteUse(context, secret);
  const { namespace, serviceAccount, serviceAccountUid } = claims;
  if (secret.metadata.labels?.[invalidSince]) {
    const of = `secret ${namespace}/${claims.secret} for service account ${namespace}/${serviceAccount}`;
    refused?.(
      `the token in ${of} has been marked invalid. Use tokens from the TokenRequest API or manually created secret-based tokens, or remove the '${invalidSince}' label from the secret to temporarily allow use of this token`,
    );
    return undefined;
  }
  return {
    name: `system:serviceaccount:${namespace}:${serviceAccount}`,
    uid: serviceAccountUid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

/** The Secret that has the token, while its account is there; else why it is not good, in upstream's words. */
async function liveSecret(
  context: ServerContext,
  token: string,
  { namespace, serviceAccount, serviceAccountUid, secret: name }: LegacyClaims,
  notOlderThan?: 0,
): Promise<{ readonly secret: AnyObject } | { readonly why: string }> {
  const find = async (plural: string, of: string) =>
    (await context.storageOf('', plural)?.find(namespace, of, notOlderThan))?.object;
  const secret = await find('secrets', name);
  if (!secret || secret.metadata.deletionTimestamp) return { why: 'Token has been invalidated' };
  if (!holds(secret, token)) return { why: "Token does not match server's copy" };
  const account = await find('serviceaccounts', serviceAccount);
  if (!account) return { why: notFound({ group: '', plural: 'serviceaccounts' }, serviceAccount).message };
  const { deletionTimestamp, uid } = account.metadata;
  if (deletionTimestamp) return { why: `ServiceAccount ${namespace}/${serviceAccount} has been deleted` };
  if (uid !== serviceAccountUid)
    return { why: `ServiceAccount UID (${uid}) does not match claim (${serviceAccountUid})` };
  return { secret };
}

function holds({ data }: AnyObject, token: string): boolean {
  const kept = Buffer.from((data?.token ?? '') as string, 'base64');
  const given = Buffer.from(token);
  return kept.length === given.length && timingSafeEqual(kept, given);
}

/** The day on which it was used last stands on the Secret, so that one sees which are still needed. */
async function noteUse(context: ServerContext, { metadata }: AnyObject): Promise<void> {
  const today = dayOf(context.clock.now());
  const noted = metadata.labels?.[lastUsed];
  if (noted === today || noted === dayOf(context.clock.now() + 86_400_000)) return;
  const definition = context.registry.ofResource('', 'secrets');
  if (!definition) return;
  const { namespace = '', name = '', uid = '' } = metadata;
  try {
    await changeObject(context, {
      own: true,
      definition,
      namespace,
      name,
      uid,
      subresource: '',
      endpoint: 'main',
      user: loopback,
      dryRun: false,
      warn: () => undefined,
      change: (secret) => ({
        ...secret,
        metadata: { ...secret.metadata, labels: { ...secret.metadata.labels, [lastUsed]: today } },
      }),
    });
  } catch (error) {
    context.log.warn('a token is used, and its secret does not say so', { namespace, name, reason: messageOf(error) });
  }
}

function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}
