import type { IncomingHttpHeaders } from 'node:http';
import { apiError, goQuote } from '@berth/kube';
import { aggregate } from '../aggregate.ts';
import { type Attributes, type Authorizer, pathAttributes } from '../authorizer.ts';
import { unpermitted } from '../forbidden.ts';
import { dns1123Subdomain } from '../resources/names.ts';
import { domainPrefixedPath } from '../resources/paths.ts';
import { anonymous, type User } from '../user.ts';

const authentication = 'authentication.k8s.io';
const serviceAccountPrefix = 'system:serviceaccount:';
const nodePrefix = 'system:node:';
const nodeNameKey = 'authentication.kubernetes.io/node-name';
const nodeKeysKey = 'authentication.kubernetes.io/associated-node-keys';
const prefix = 'impersonate-';
const extraPrefix = 'extra-';

/** Whether there is anything of that in a request. */
export function asksToImpersonate(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) if (name.startsWith(prefix)) return true;
  return false;
}

/** Whom a request acts as, and the verb that allowed it; none where plain impersonation did. */
export interface Impersonation {
  readonly user: User;
  readonly constraint?: string;
}

/**
 * Whom a request acts as by its Impersonate-* headers; undefined where there are none
 * (apiserver endpoints/filters/impersonation). Header by header, as they came: Node joins those of one name, and a group's
 * name may have a comma. Permissions bound to what is asked for come first, then those for whatever it is.
 * @throws ApiError Forbidden – the caller may not act as that user, group, uid or extra; BadRequest – no user is named.
 */
export async function impersonated(
  request: Attributes,
  rawHeaders: readonly string[],
  { authorizer, lastModes }: ImpersonationParts,
): Promise<Impersonation | undefined> {
  const wanted = wantedBy(rawHeaders);
  if (!wanted) return undefined;
  if (wanted.name === '') {
    if (isNameAlone(wanted)) return undefined;
    throw apiError('BadRequest', `requested ${goUser(wanted)} without impersonating a user name`);
  }
  const { name } = request.user;
  const last = lastModes.get(name);
  const modes = [...constrainedModes(wanted, request.user), 'legacy' as const];
  let first: unknown;
  // Those of one user are mostly allowed in the same way, which is tried first.
  for (const mode of modes.sort((one, other) => Number(other === last) - Number(one === last))) {
    try {
      const acting = await actingAs(wanted, { request, mode: mode === 'legacy' ? undefined : mode, authorizer });
      lastModes.set(name, mode);
      return acting;
    } catch (error) {
      first ??= error;
    }
  }
  throw first;
}

/** By users' names, in which way one was last allowed to act as somebody (filters/impersonation modeIndexCache). */
export type LastModes = Pick<Map<string, Mode | 'legacy'>, 'get'> & { set(name: string, mode: Mode | 'legacy'): void };

interface ImpersonationParts {
  readonly authorizer: Pick<Authorizer, 'authorize'>;
  readonly lastModes: LastModes;
}

type Mode = 'associated-node' | 'arbitrary-node' | 'serviceaccount' | 'user-info';

/** Nodes and service accounts bring their groups along, and cannot be asked for with others. */
function constrainedModes(wanted: Wanted, caller: User): readonly Mode[] {
  const node = nodeNameOf(wanted.name);
  if (node === undefined && !serviceAccountOf(wanted.name)) return ['user-info'];
  if (!isNameAlone(wanted)) return [];
  if (node === undefined) return ['serviceaccount'];
  const own = serviceAccountOf(caller.name) ? caller.extra?.[nodeNameKey] : undefined;
  return own?.length === 1 && own[0] === node ? ['associated-node', 'arbitrary-node'] : ['arbitrary-node'];
}

interface Asked {
  readonly request: Attributes;
  /** Undefined: plain impersonation, whatever is asked for. */
  readonly mode: Mode | undefined;
  readonly authorizer: ImpersonationParts['authorizer'];
}

async function actingAs(wanted: Wanted, { request, mode, authorizer }: Asked): Promise<Impersonation> {
  const { name, uid, groups, extra } = wanted;
  const account = serviceAccountOf(name);
  const node = mode === undefined ? undefined : nodeNameOf(name);
  const caller = mode === 'associated-node' ? withoutItsNode(request.user) : request.user;
  if (mode) await allow({ ...request, user: caller, verb: `impersonate-on:${mode}:${request.verb}` }, authorizer);
  const verb = mode ? `impersonate:${mode}` : 'impersonate';
  const base = pathAttributes(caller, verb, '');
  const known = { ...base, group: authentication };
  const named = mode ? known : base;
  await allow({ ...named, ...nameAttributes(name, { account, node, mode }) }, authorizer);
  if (uid !== '') await allow({ ...known, resource: 'uids', name: uid }, authorizer);
  const ofGroups = { ...named, resource: 'groups' };
  if (mode) checkGroups(groups, ofGroups);
  await allowEach(
    groups.map((group) => ({ ...ofGroups, name: group })),
    { all: mode && { ...ofGroups, name: '*' }, authorizer },
  );
  const ofExtras = { ...known, resource: 'userextras' };
  if (mode) checkExtra(extra, ofExtras);
  await allowEach(
    Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...ofExtras, subresource: key, name: value })),
    ),
    { all: mode && { ...ofExtras, subresource: '*', name: '*' }, authorizer },
  );
  const user = {
    name,
    groups: groupsOf(name, node === undefined ? groups : ['system:nodes'], account),
    ...(uid === '' ? {} : { uid }),
    ...(Object.keys(extra).length > 0 ? { extra } : {}),
  };
  return mode ? { user, constraint: verb } : { user };
}

/** Whoever may act as the node it is on may on every node: permissions are not told which. */
function withoutItsNode(user: User): User {
  return { ...user, extra: { [nodeKeysKey]: Object.keys(user.extra ?? {}).sort() } };
}

function nameAttributes(
  name: string,
  parts: { account: ReturnType<typeof serviceAccountOf>; node: string | undefined; mode: Mode | undefined },
): Partial<Attributes> {
  const { account, node, mode } = parts;
  if (account) return { resource: 'serviceaccounts', ...account };
  if (node === undefined) return { resource: 'users', name };
  return { resource: 'nodes', name: mode === 'associated-node' ? '*' : node };
}

/** What plain impersonation lets through, as it always did. @throws ApiError Forbidden */
function checkGroups(groups: readonly string[], asked: Attributes): void {
  if (groups.includes('')) throw unpermitted(asked, 'impersonating the empty string group is not allowed');
  const masters = 'system:masters';
  if (groups.includes(masters))
    throw unpermitted({ ...asked, name: masters }, `impersonating the ${masters} group is not allowed`);
}

/** @throws ApiError Forbidden */
function checkExtra(extra: Wanted['extra'], asked: Attributes): void {
  for (const [key, values] of Object.entries(extra)) {
    const why = extraComplaint(key, values);
    if (why !== undefined) throw unpermitted(asked, `impersonating ${why}`);
  }
}

function extraComplaint(key: string, values: readonly string[]): string | undefined {
  if (key === '') return 'the empty string key in extra is not allowed';
  const errors = domainPrefixedPath(key, 'extra.key');
  if (errors.length > 0)
    return `an invalid key in extra is not allowed: ${aggregate(errors.map(({ field, message }) => `${field}: ${message}`))}`;
  // Keys of headers are in lower case, but for what is percent-encoded.
  if (key !== key.toLowerCase()) return `a non-lowercase key in extra is not allowed: ${goQuote(key)}`;
  return values.includes('') ? 'the empty string value in extra is not allowed' : undefined;
}

/** Of many, all may be allowed at once (upstream's manyAuthorizationChecksInLoop). @throws ApiError Forbidden */
async function allowEach(
  asked: readonly Attributes[],
  { all, authorizer }: { all: Attributes | undefined; authorizer: Asked['authorizer'] },
): Promise<void> {
  if (all && asked.length >= 4 && (await authorizer.authorize(all)).allowed) return;
  for (const each of asked) await allow(each, authorizer);
}

function isNameAlone({ uid, groups, extra }: Wanted): boolean {
  return uid === '' && groups.length === 0 && Object.keys(extra).length === 0;
}

function nodeNameOf(user: string): string | undefined {
  const name = user.startsWith(nodePrefix) ? user.slice(nodePrefix.length) : '';
  return dns1123Subdomain(name).length === 0 ? name : undefined;
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

async function allow(attributes: Attributes, authorizer: Asked['authorizer']): Promise<void> {
  const { allowed, reason } = await authorizer.authorize(attributes);
  if (!allowed) throw unpermitted(attributes, reason);
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
