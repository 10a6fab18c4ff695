import type { IncomingHttpHeaders } from 'node:http';
import { apiError, goQuote } from '@berth/kube';
import { type Attributes, type Authorizer, pathAttributes } from '../authorizer.ts';
import { forbiddenError } from '../forbidden.ts';
import { anonymous, type User } from '../user.ts';

const authentication = 'authentication.k8s.io';
const serviceAccountPrefix = 'system:serviceaccount:';
const prefix = 'impersonate-';
const extraPrefix = 'extra-';

/** Whether there is anything of that in a request. */
export function asksToImpersonate(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) if (name.startsWith(prefix)) return true;
  return false;
}

/**
 * The user a request acts as by its Impersonate-* headers; the caller where there are none
 * (apiserver endpoints/filters/impersonation). Header by header, as they came: Node joins those of one name, and a group's
 * name may have a comma.
 * @throws ApiError Forbidden – the caller may not act as that user, group, uid or extra; BadRequest – no user is named.
 */
export async function impersonated(caller: User, rawHeaders: readonly string[], authorizer: Authorizer): Promise<User> {
  const wanted = wantedBy(rawHeaders);
  if (!wanted) return caller;
  const { name, uid, groups, extra } = wanted;
  if (name === '') {
    if (groups.length === 0 && uid === '' && Object.keys(extra).length === 0) return caller;
    throw apiError('BadRequest', `requested ${goUser(wanted)} without impersonating a user name`);
  }
  const account = serviceAccountOf(name);
  const wishes: Partial<Attributes>[] = [
    account ? { resource: 'serviceaccounts', ...account } : { resource: 'users', name },
    ...groups.map((group) => ({ resource: 'groups', name: group })),
    ...(uid === '' ? [] : [{ group: authentication, resource: 'uids', name: uid }]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ group: authentication, resource: 'userextras', subresource: key, name: value })),
    ),
  ];
  for (const wish of wishes) await allow(caller, wish, authorizer);
  return {
    name,
    groups: groupsOf(name, groups, account),
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
}

interface Wanted {
  /** Of a name that is there more than once, the first counts; empty: none. */
  readonly name: string;
  readonly uid: string;
  readonly groups: readonly string[];
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

/** As Go prints it. */
function goUser({ uid, groups, extra }: Wanted): string {
  const list = (texts: readonly string[]) => `{${texts.map((text) => goQuote(text)).join(', ')}}`;
  const keys = Object.keys(extra).sort();
  const extras = keys.map((key) => `${goQuote(key)}:[]string${list(extra[key] as readonly string[])}`);
  return `&user.DefaultInfo{Name:"", UID:${goQuote(uid)}, Groups:[]string${groups.length > 0 ? list(groups) : '(nil)'}, Extra:map[string][]string${keys.length > 0 ? `{${extras.join(', ')}}` : '(nil)'}}`;
}

/** Undefined: no header speaks of it. */
function wantedBy(rawHeaders: readonly string[]): Wanted | undefined {
  const values = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const header = rawHeaders[i] as string;
    if (!/^impersonate-/i.test(header)) continue;
    const name = nameOf(header.slice(prefix.length).toLowerCase());
    // Go's headers are the bytes that came, Node's are read as Latin-1.
    const value = Buffer.from(rawHeaders[i + 1] as string, 'latin1').toString();
    const known = values.get(name);
    if (known) known.push(value);
    else values.set(name, [value]);
  }
  if (values.size === 0) return undefined;
  const extras = [...values].filter(([name]) => name.startsWith(extraPrefix));
  return {
    name: values.get('user')?.[0] ?? '',
    uid: values.get('uid')?.[0] ?? '',
    groups: values.get('group') ?? [],
    extra: Object.fromEntries(extras.map(([name, all]) => [name.slice(extraPrefix.length), all])),
  };
}

async function allow(user: User, wish: Partial<Attributes>, authorizer: Authorizer): Promise<void> {
  const attributes: Attributes = { ...pathAttributes(user, 'impersonate', ''), ...wish };
  const { allowed, reason } = await authorizer.authorize(attributes);
  if (!allowed) throw forbiddenError(attributes, reason);
}

/** What the name brings along, as authentication would have given it. */
function groupsOf(
  name: string,
  asked: readonly string[],
  account: { namespace: string } | undefined,
): readonly string[] {
  const groups =
    asked.length === 0 && account ? ['system:serviceaccounts', `system:serviceaccounts:${account.namespace}`] : asked;
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

/** Keys are percent-encoded, as header names cannot hold all of them. */
function nameOf(header: string): string {
  if (!header.startsWith(extraPrefix)) return header;
  try {
    return decodeURIComponent(header);
  } catch {
    return header;
  }
}
