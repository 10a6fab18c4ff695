import { ApiError, FieldSelector, isReason } from '@berth/kube';
import { guarded, hasLongSelector, heavyWork } from './aside/heavy-work.ts';
import { type Attributes, type Authorizer, type Decision, pathAttributes } from './authorizer.ts';
import { deprecationOf } from './deprecations.ts';
import { unpermitted } from './forbidden.ts';
import { handleResource } from './handle-resource.ts';
import { InternalError, uriOf } from './internal-error.ts';
import { asApiError } from './object-storage.ts';
import { checkAccept, hasTables } from './representation/check-accept.ts';
import { decodedPath, requestInfoOf } from './request-info.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import type { ResourceRegistry } from './resource-registry.ts';
import { ensureNamed, notFoundPath, type ResourceRoute, type Route, routeOf } from './route.ts';
import type { ServerContext } from './server-context.ts';
import { type Answer, plainError, type ServerRequest } from './server-request.ts';

/** Endpoints that are no resource: discovery, schemas, health. Undefined: not theirs. */
export type PathHandler = (
  segments: readonly string[],
  request: ServerRequest,
) => Answer | undefined | Promise<Answer | undefined>;

/** Subresources and reviews; undefined: the generic verbs do it. */
export type SpecialHandler = (
  context: ServerContext,
  route: ResourceRoute,
  request: ServerRequest,
) => Promise<Answer> | undefined;

/** The server's own answer about schemas. */
export type OwnSchemas = (request: ServerRequest) => Promise<Answer>;

/** Requests about schemas (`/openapi/…`), which others may know of as well. */
export type SchemaHandler = (segments: readonly string[], request: ServerRequest, own: OwnSchemas) => Promise<Answer>;

/** Answers a request by a thread of its own. */
export type AsideHandler = (request: ServerRequest, custom: boolean) => Promise<Answer>;

/** The way every request goes, from whichever transport: route → authorize → handle. */
export class RequestPipeline {
  readonly context: ServerContext;
  readonly authorizer: Authorizer;
  readonly #paths: readonly PathHandler[];
  readonly #special: readonly SpecialHandler[];
  readonly #schemas: SchemaHandler;
  readonly #note: ((decision: Decision, ms: number) => void) | undefined;
  readonly #aside: AsideHandler | undefined;

  constructor(parts: {
    readonly context: ServerContext;
    readonly authorizer: Authorizer;
    readonly paths: readonly PathHandler[];
    readonly special: readonly SpecialHandler[];
    /** Absent: the server's own schemas are all. */
    readonly schemas?: SchemaHandler;
    /** Hears of every decision. */
    readonly noteDecision?: (decision: Decision, ms: number) => void;
    /** Absent: all is done here. */
    readonly aside?: AsideHandler | undefined;
  }) {
    this.context = parts.context;
    this.authorizer = parts.authorizer;
    this.#paths = parts.paths;
    this.#special = parts.special;
    this.#schemas = parts.schemas ?? ((_segments, request, own) => own(request));
    this.#note = parts.noteDecision;
    this.#aside = parts.aside;
  }

  /** @throws ApiError; anything else is a mistake of ours. */
  async handle(request: ServerRequest): Promise<Answer> {
    try {
      const route = this.#routeOf(request);
      if (route instanceof ApiError) return await this.#unrouted(request, route);
      await this.authorize(route, request);
      if (route.type === 'resource') {
        warnOf(route.definition, request);
        ensureNamed(route);
        checkAccept(route, request.accept);
      }
      if (this.#aside && route.type === 'resource') return await this.#light(route, request, this.#aside);
      if (route.type === 'other' && route.segments[0] === 'openapi')
        return await this.#schemas(route.segments, request, (asked) => this.#ownSchema(route, asked));
      return await this.#dispatch(route, request);
    } catch (error) {
      throw asApiError(error);
    }
  }

  #routeOf({ method, path, query }: ServerRequest): Route | ApiError {
    try {
      return routeOf(this.context.registry, method, path, query);
    } catch (error) {
      if (isReason(error, 'NotFound', 'MethodNotAllowed')) return error;
      throw error;
    }
  }

  /** That there is no such thing is told to those who might ask for it. */
  async #unrouted(request: ServerRequest, why: ApiError): Promise<Answer> {
    const { path } = request;
    if (/^\/(api|apis\/[^/]+)\/[^/]+\/(watch|proxy)\/?$/.test(path)) {
      const uri = uriOf(request);
      const text = `failed to create RequestInfo: unable to determine kind and namespace from url, ${uri}`;
      throw new InternalError(uri, text);
    }
    const asked = infoAttributes(request);
    await this.#permit(asked, request);
    const isNothing = why.code === 'NotFound' && why.status.details?.kind === undefined;
    const { group, version = '', resource } = asked;
    const definition = this.context.registry.find(group, version, resource);
    // Upstream's handler of custom objects warns before it looks at what is asked of them.
    if (definition?.custom && !isNothing) warnOf(definition, request);
    if (isNothing && !isBelowOwn(path.split('/').slice(1), this.context.registry)) return noPage;
    throw why;
  }

  #ownSchema(route: Route, request: ServerRequest): Promise<Answer> {
    const { definitions } = this.context.registry;
    // Of built-in kinds they are soon made; of definitions they are as large as their authors like.
    const takesLong = definitions.some(({ custom }) => custom?.isLarge === true);
    return this.#aside && takesLong ? this.#aside(request, false) : this.#dispatch(route, request);
  }

  /** Here, unless it takes long. Nothing was changed by then. */
  async #light(route: ResourceRoute, request: ServerRequest, aside: AsideHandler): Promise<Answer> {
    const { custom } = route.definition;
    // What is passed on is not read here.
    if (route.subresource?.name === 'proxy') return this.#dispatch(route, request);
    try {
      const isLarge = custom?.isLarge || hasLongSelector(request);
      if (isLarge && route.verb !== 'watch' && !request.asValues) throw heavyWork;
      return await this.#dispatch(route, guarded(request, route.definition));
    } catch (error) {
      if (error !== heavyWork) throw error;
      return aside(request, custom !== undefined);
    }
  }

  /** @throws ApiError Forbidden, also to who is unknown; InternalError – who may do it could not be told. */
  async authorize(route: Route, request: ServerRequest): Promise<void> {
    await this.#permit(attributesOf(route, request), request);
  }

  async #permit(attributes: Attributes, request: ServerRequest): Promise<void> {
    const { clock } = this.context;
    const beganMs = clock.monotonicMs();
    const decision = await this.authorizer.authorize(attributes);
    const ms = clock.monotonicMs() - beganMs;
    request.latencies?.add('authorization', ms);
    this.#note?.(decision, ms);
    if (decision.allowed) {
      request.audit?.annotate('authorization.k8s.io/decision', 'allow');
      request.audit?.annotate('authorization.k8s.io/reason', decision.reason);
      return;
    }
    if (decision.error !== undefined) {
      request.audit?.annotate('authorization.k8s.io/reason', 'internal error');
      throw new InternalError(uriOf(request), decision.error);
    }
    request.audit?.annotate('authorization.k8s.io/decision', 'forbid');
    request.audit?.annotate('authorization.k8s.io/reason', decision.reason);
    throw unpermitted(attributes, decision.reason);
  }

  #ofResource(route: ResourceRoute, request: ServerRequest): Promise<Answer> {
    for (const handler of this.#special) {
      const answer = handler(this.context, route, request);
      if (answer) return answer;
    }
    return handleResource(this.context, route, request);
  }

  async #dispatch(route: Route, request: ServerRequest): Promise<Answer> {
    if (route.type === 'resource') {
      const answer = this.#ofResource(route, request);
      return hasTables(route) ? answer : withoutTables(answer);
    }
    for (const handler of this.#paths) {
      const answer = await handler(route.segments, request);
      if (answer) return answer;
    }
    if (isBelowOwn(route.segments, this.context.registry)) throw notFoundPath();
    return noPage;
  }
}

function warnOf(definition: ResourceDefinition, { warn }: ServerRequest): void {
  const deprecation = deprecationOf(definition);
  if (deprecation !== undefined) warn(deprecation);
}

/** As Go's server says it. */
const noPage = plainError(404, '404 page not found\n');

async function withoutTables(pending: Promise<Answer>): Promise<Answer> {
  const answer = await pending;
  return answer.type === 'object' ? { ...answer, tables: false } : answer;
}

/** Below `/api`, `/version` and the groups that are built in a Status says what elsewhere a page does. */
function isBelowOwn([root, group, ...more]: readonly string[], { definitions }: ResourceRegistry): boolean {
  if (root === 'api' || root === 'version') return group !== undefined;
  if (root !== 'apis' || !group || more.length === 0) return false;
  return definitions.some((each) => each.group === group && !each.custom);
}

/** What a collection is limited to; of one object that is named so it is as if its name were in the path. */
function selected(text: string): Pick<Attributes, 'name' | 'fieldSelector'> {
  try {
    const selector = FieldSelector.parse(text);
    return { name: selector.exact('metadata.name') ?? '', fieldSelector: selector.requirements };
  } catch {
    // What cannot be read is refused after this, and limits nothing.
    return { name: '' };
  }
}

function infoAttributes({ user, method, path, query }: ServerRequest): Attributes {
  const info = requestInfoOf(method, path, query);
  return info.isResource ? { ...info, user } : pathAttributes(user, method.toLowerCase(), decodedPath(path));
}

function attributesOf(route: Route, { user, method, path, query }: ServerRequest): Attributes {
  if (route.type === 'other') {
    // What other servers serve has resources as well.
    const info = requestInfoOf(method, path, query);
    if (info.isResource && info.group !== '') return { ...info, user };
    return pathAttributes(user, method.toLowerCase(), decodedPath(path));
  }
  const { definition, verb, name, subresource } = route;
  const { group, version, plural: resource } = definition;
  // What may be done to a namespace may be granted in it.
  const namespace = resource === 'namespaces' && group === '' ? name : route.namespace;
  const attributes = { user, verb, namespace, group, version, resource, subresource: subresource?.name ?? '', path };
  // Of a watch by its path selectors say nothing about who may.
  if (name !== '' || route.watchPath) return { ...attributes, name };
  const [fields, labelSelector] = [query.get('fieldSelector'), query.get('labelSelector')];
  const limited = labelSelector ? { ...attributes, labelSelector } : attributes;
  return fields ? { ...limited, ...selected(fields) } : { ...limited, name };
}
