import type { IncomingHttpHeaders } from 'node:http';
import { apiError } from '@berth/kube';
import type { Attributes, Authorizer } from '../authorizer.ts';
import { forbiddenError } from '../forbidden.ts';
import { anonymous, type User } from '../user.ts';

const authentication = 'authentication.k8s.io';
const serviceAccountPrefix = 'system:serviceaccount:';

/**
 * The user a request acts as by its Impersonate-* headers; the caller where there are none
 * (apiserver endpoints/filters/impersonation).
 * @throws ApiError Forbidden – the caller may not act as that user, group, uid or extra; InternalError – no user is named.
 */
export async function impersonated(caller: User, headers: IncomingHttpHeaders, authorizer: Authorizer): Promise<User> {
  const name = headers['impersonate-user'];
  const groups = listOf(headers['impersonate-group']);
  const uid = headers['impersonate-uid'];
  const extra = extraOf(headers);
  if (!name) {
    if (groups.length === 0 && uid === undefined && Object.keys(extra).length === 0) return caller;
    throw apiError('InternalError', 'requested impersonation of groups, a uid or extras without impersonating a user');
  }
  if (Array.isArray(name) || Array.isArray(uid))
    throw apiError('BadRequest', 'Impersonate-User and Impersonate-Uid may be given once');
  const account = serviceAccountOf(name);
  const wishes: Partial<Attributes>[] = [
    account ? { resource: 'serviceaccounts', ...account } : { resource: 'users', name },
    ...groups.map((group) => ({ resource: 'groups', name: group })),
    ...(uid === undefined ? [] : [{ group: authentication, resource: 'uids', name: uid }]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ group: authentication, resource: 'userextras', subresource: key, name: value })),
    ),
  ];
  for (const wish of wishes) await allow(caller, wish, authorizer);
  return {
    name,
    groups: groupsOf(name, groups, account),
    ...(uid === undefined ? {} : { uid }),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
}

async function allow(user: User, wish: Partial<Attributes>, authorizer: Authorizer): Promise<void> {
  const none = { namespace: '', group: '', resource: '', subresource: '', name: '', path: '' };
  const attributes: Attributes = { ...none, ...wish, user, verb: 'impersonate' };
  const { allowed, reason } = await authorizer.authorize(attributes);
  if (!allowed) throw forbiddenError(attributes, reason);
}

/** What the name brings along, as authentication would have given it. */
function groupsOf(name: string, asked: string[], account: { namespace: string } | undefined): string[] {
  const groups =
    asked.length === 0 && account
      ? ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`]
      : [...asked];
  if (name === anonymous.name)
    return groups.includes('system:unauthenticated') ? groups : [...groups, 'system:unauthenticated'];
  const known = groups.includes('system:authenticated') || groups.includes('system:unauthenticated');
  return known ? groups : [...groups, 'system:authenticated'];
}

function serviceAccountOf(user: string): { namespace: string; name: string } | undefined {
  const [namespace, name, ...rest] = user.startsWith(serviceAccountPrefix)
    ? user.slice(serviceAccountPrefix.length).split(':')
    : [];
  return namespace && name && rest.length === 0 ? { namespace, name } : undefined;
}

/** Node joins headers of one name with a comma; only for these a list is meant. */
function listOf(value: string | string[] | undefined): string[] {
  return [value ?? []]
    .flat()
    .flatMap((one) => one.split(/, ?/))
    .filter((one) => one !== '');
}

/** Keys are percent-encoded, as header names cannot hold all of them. */
function extraOf(headers: IncomingHttpHeaders): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const [header, value] of Object.entries(headers)) {
    if (!header.startsWith('impersonate-extra-')) continue;
    const key = header.slice('impersonate-extra-'.length);
    extra[decoded(key).toLowerCase()] = listOf(value);
  }
  return extra;
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
