import { withoutEnd } from '@berth/kit';
import { apiError } from '@berth/kube';
import { decodedPath, mostSegments } from './request-info.ts';
import type { ResourceDefinition, SubresourceDefinition } from './resource-definition.ts';
import { notFound, notSupported } from './resource-errors.ts';
import type { ResourceRegistry } from './resource-registry.ts';

export interface ResourceRoute {
  readonly type: 'resource';
  readonly definition: ResourceDefinition;
  /** get, list, watch, create, update, patch, delete, deletecollection; for subresources what the method says. */
  readonly verb: string;
  /** Empty for cluster-scoped objects and for lists over all namespaces. */
  readonly namespace: string;
  /** Empty for collections. */
  readonly name: string;
  readonly subresource: SubresourceDefinition | undefined;
  /** The path itself asks for the watch (`/api/v1/watch/pods`), as old clients do. */
  readonly watchPath?: true;
}

export type Route = ResourceRoute | { readonly type: 'other'; readonly segments: readonly string[] };

const collectionVerbs: Record<string, string> = { GET: 'list', POST: 'create', DELETE: 'deletecollection' };
const objectVerbs: Record<string, string> = { GET: 'get', PUT: 'update', PATCH: 'patch', DELETE: 'delete' };
/** Also of custom objects: a POST to a name is one to the collection. */
const subresourceVerbs: Record<string, string> = { ...objectVerbs, POST: 'create' };
/** What needs a name is told so where it is done. */
const customCollectionVerbs: Record<string, string> = { PUT: 'update', PATCH: 'patch', ...collectionVerbs };

/**
 * What a method and path mean (apiserver's RequestInfo). Escapes are undone once, slashes among them; what no object
 * can be called is refused by {@link ensureNamed}.
 * @throws ApiError NotFound, MethodNotAllowed, BadRequest.
 */
export function routeOf(registry: ResourceRegistry, method: string, path: string, query: URLSearchParams): Route {
  const segments = segmentsOf(path);
  const root = segments[0];
  const groupVersion =
    root === 'api' ? ['', segments[1]] : root === 'apis' ? [segments[1], segments[2]] : [undefined, undefined];
  const [group, version] = groupVersion;
  const rest = segments.slice(root === 'api' ? 2 : 3);
  if (group === undefined || version === undefined || !registry.resourcesOf(group, version) || rest.length === 0)
    return { type: 'other', segments };
  const asked = { registry, group, version, rest };
  if (rest[0] === 'watch' && rest.length > 1)
    return watchRoute({ ...asked, rest: rest.slice(1) }, method) ?? { type: 'other', segments };
  const target = targetOf(asked, method);
  if (!target) return { type: 'other', segments };
  const { definition, namespace, name, subresource } = target;
  return { type: 'resource', definition, verb: verbOf(target, method, query), namespace, name, subresource };
}

interface ResourcePath {
  readonly registry: ResourceRegistry;
  readonly group: string;
  readonly version: string;
  readonly rest: readonly string[];
}

interface Target extends Pick<ResourceRoute, 'definition' | 'namespace' | 'name' | 'subresource'> {
  /** The path has a place for it, which may be empty. */
  readonly inNamespace: boolean;
}

/** Undefined: nobody's, as are names that no custom resource has. Without a method it asks for a watch. @throws ApiError NotFound, MethodNotAllowed */
function targetOf(path: ResourcePath, method?: string): Target | undefined {
  const { registry, group, version, rest } = path;
  const inNamespace = rest[0] === 'namespaces' && rest.length >= 3 && !isNamespaceSubresource(registry, rest);
  const [plural = '', name = '', subresourceName, ...more] = inNamespace ? rest.slice(2) : rest;
  const namespace = inNamespace ? (rest[1] as string) : '';
  const definition = registry.find(group, version, plural);
  if (!definition || (inNamespace && !definition.namespaced)) return noTarget(path, definition);
  if (definition.namespaced && !inNamespace && name !== '' && !definition.custom) throw notFoundPath();
  if (method !== undefined && isNobodys({ definition, namespace, name }, method)) return undefined;
  const subresource =
    subresourceName === undefined ? undefined : definition.subresources.find((each) => each.name === subresourceName);
  if (subresourceName !== undefined && !subresource && definition.custom) throw notFound(definition, name);
  // What is below a custom object's subresource is not looked at.
  if (subresourceName !== undefined && !definition.custom)
    if (!subresource || (more.length > 0 && subresource.name !== 'proxy')) throw notFoundPath();
  return { definition, namespace, name, subresource, inNamespace };
}

function noTarget(path: ResourcePath, definition: ResourceDefinition | undefined): undefined {
  const { registry, group, version, rest } = path;
  const [first, ...below] = rest;
  if (first === 'proxy' && below.length > 0) {
    // Old clients' way, of which upstream's custom resources know the name.
    const proxied = targetOf({ ...path, rest: below.slice(0, below[0] === 'namespaces' ? 4 : 2) }, 'POST');
    if (proxied?.definition.custom) throw notSupported(proxied.definition, 'proxy');
  }
  if (definition ? !definition.custom : registry.isBuiltIn(group, version)) throw notFoundPath();
}

/** Of all namespaces custom objects are listed and watched, and nothing else is served (apiextensions' crdHandler). */
function isNobodys(
  { definition, namespace, name }: Pick<Target, 'definition' | 'namespace' | 'name'>,
  method: string,
): boolean {
  if (!definition.custom || !definition.namespaced || namespace !== '') return false;
  return name !== '' || (method !== 'GET' && method !== 'HEAD');
}

/**
 * Deprecated since 1.11 and still served: a watch of a list, or of one object, by path. Custom objects are found by what a
 * path means: whatever the method, it asks for a watch, of one name in all namespaces, too.
 */
function watchRoute(path: ResourcePath, method: string): ResourceRoute | undefined {
  const target = targetOf(path);
  if (!target) return undefined;
  const { definition, namespace, name, subresource } = target;
  if (subresource && definition.custom) throw notSupported(definition, 'watch');
  if (subresource || !definition.verbs.includes('watch')) throw notFoundPath();
  if (method !== 'GET' && !definition.custom) throw notAllowed();
  return { type: 'resource', definition, verb: 'watch', namespace, name, subresource, watchPath: true };
}

function verbOf(target: Target, method: string, query: URLSearchParams): string {
  const { definition, name, subresource, inNamespace } = target;
  // What is built in has routes for GET alone; custom objects are found by what HEAD means, and proxies pass it on.
  const answersHead = definition.custom !== undefined || subresource?.name === 'proxy';
  const isPassedOn = method === 'OPTIONS' && subresource?.name === 'proxy';
  const asked = (method === 'HEAD' && answersHead) || isPassedOn ? 'GET' : method;
  const { custom } = definition;
  const ofObject = subresource || (custom && name !== '') ? subresourceVerbs : objectVerbs;
  const verb = (name !== '' || subresource ? ofObject : custom ? customCollectionVerbs : collectionVerbs)[asked];
  const known = subresource ? subresource.verbs : definition.verbs;
  if (verb === undefined || !known.includes(verb)) {
    if (custom) throw notSupported(definition, verb ?? '');
    // What is not listed has no path for all namespaces.
    if (definition.namespaced && !inNamespace && !definition.verbs.includes('list')) throw notFoundPath();
    throw hasObjects(definition) || name === '' ? notAllowed() : notFoundPath();
  }
  if (definition.namespaced && !inNamespace && name === '' && verb !== 'list')
    throw definition.verbs.includes('list') ? notAllowed() : notFoundPath();
  const watch = verb === 'list' ? query.get('watch')?.toLowerCase() : undefined;
  if (watch === undefined || watch === 'false' || watch === '0') return verb;
  return 'watch';
}

/** Reviews and bindings are sent to collections, and nothing is below those. */
function hasObjects({ verbs }: ResourceDefinition): boolean {
  return verbs.some((verb) => verb !== 'create');
}

/** What is wrong with a name that is no part of a path (apimachinery path.IsValidPathSegmentName). */
export function unlikeSegment(name: string): string | undefined {
  if (name === '.' || name === '..') return `may not be '${name}'`;
  return name.includes('%') ? "may not contain '%'" : undefined;
}

/** Where upstream keeps what is not kept by its own name. */
const ownPrefixes: Readonly<Record<string, string>> = {
  endpoints: 'services/endpoints',
  ingresses: 'ingress',
  replicationcontrollers: 'controllers',
  services: 'services/specs',
};

/** What is created below an object says itself whom it is of, and that is compared first. */
const inBody: ReadonlySet<string> = new Set(['binding', 'eviction']);

/**
 * That it can be an object's name and namespace. Custom objects are found by
 * what a request means, also where it does not say which.
 * @throws ApiError BadRequest; Unknown, as upstream's store has it.
 */
export function ensureNamed({ definition, namespace, name, verb, subresource }: ResourceRoute): void {
  if (name === '' && (verb === 'update' || verb === 'patch' || subresource))
    throw apiError('BadRequest', 'name must be provided');
  if (verb === 'create' && (!subresource || inBody.has(subresource.name))) return;
  const wrong = unlikeSegment(name);
  if (wrong) throw apiError('BadRequest', `Name parameter invalid: ${JSON.stringify(name)}: ${wrong}`);
  if (definition.namespaced && namespace === '' && name !== '' && !definition.custom) throw namespaceRequired();
  if (namespace !== '.' && namespace !== '..') return;
  const { custom, group, plural } = definition;
  const key = `/${custom ? `${group}/${plural}` : (ownPrefixes[plural] ?? plural)}/${namespace}${name === '' ? '' : `/${name}`}`;
  throw apiError('Unknown', `invalid key: ${JSON.stringify(key)}`, { code: 500 });
}

function isNamespaceSubresource(registry: ResourceRegistry, rest: readonly string[]): boolean {
  const namespaces = registry.find('', 'v1', 'namespaces');
  return rest.length === 3 && (namespaces?.subresources.some(({ name }) => name === rest[2]) ?? false);
}

/** Most paths: nothing in them is escaped or empty. */
const plainPath = /^(?:\/[\w:.-]+)+$/;

/** As upstream's router has it: slashes at the end say nothing, more than one at the beginning names nothing. */
function segmentsOf(path: string): string[] {
  if (plainPath.test(path)) return path.slice(1).split('/', mostSegments);
  const decoded = decodedPath(path);
  if (!/^\/(?!\/)/.test(decoded) && decoded !== '') throw notFoundPath();
  return withoutEnd(decoded.slice(1), '/').split('/', mostSegments);
}

export function notFoundPath() {
  return apiError('NotFound', 'the server could not find the requested resource', { details: {} });
}

export function namespaceRequired() {
  return apiError('BadRequest', 'Namespace parameter required.');
}

export function notAllowed() {
  return apiError('MethodNotAllowed', 'the server does not allow this method on the requested resource', {
    details: {},
  });
}
