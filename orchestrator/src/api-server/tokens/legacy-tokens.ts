import { timingSafeEqual } from 'node:crypto';
import { messageOf } from '@berth/kit';
import type { AnyObject } from '../resource-definition.ts';
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
): Promise<User | undefined> {
  // The newest is asked for only where what is at hand says otherwise: it may be late (pkg/controller/serviceaccount/tokengetter.go).
  const secret = (await liveSecret(context, token, claims, 0)) ?? (await liveSecret(context, token, claims));
  if (!secret) return undefined;
  // Nobody waits for it; who tries with an invalid one is seen as well.
  void noteUse(context, secret);
  if (secret.metadata.labels?.[invalidSince]) return undefined;
  const { namespace, serviceAccount, serviceAccountUid } = claims;
  return {
    name: `system:serviceaccount:${namespace}:${serviceAccount}`,
    uid: serviceAccountUid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

/** The Secret that has the token, while its account is there. */
async function liveSecret(
  context: ServerContext,
  token: string,
  { namespace, serviceAccount, serviceAccountUid, secret: name }: LegacyClaims,
  notOlderThan?: 0,
): Promise<AnyObject | undefined> {
  const find = async (plural: string, of: string) =>
    (await context.storageOf('', plural)?.find(namespace, of, notOlderThan))?.object;
  const secret = await find('secrets', name);
  if (!secret || secret.metadata.deletionTimestamp || !holds(secret, token)) return undefined;
  const account = await find('serviceaccounts', serviceAccount);
  const isThere = account && !account.metadata.deletionTimestamp && account.metadata.uid === serviceAccountUid;
  return isThere ? secret : undefined;
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
