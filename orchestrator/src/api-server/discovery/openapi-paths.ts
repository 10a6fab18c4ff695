import type { GroupVersionKind } from '@berth/kube';
import { schemaFormOf } from '../representation/negotiate.ts';
import { decodedPath } from '../request-info.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ResourceDefinition } from '../resource-definition.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { customComponents, customRoots } from './custom-components.ts';
import {
  type DiscoveryOperation,
  discoveryOperation,
  discoveryPathsOf,
  resourcesOperation,
} from './discovery-operations.ts';
import type { OpenApiParts } from './encode-openapi.ts';
import { type MadeDocument, madeDocument, membersOf } from './made-document.ts';
import { operationPaths, operationSchemas, schemaOf } from './openapi-operations.ts';
import { componentsOf, type KindFilter, type SchemaFacts } from './openapi-schema.ts';
import { documentInfo } from './version.ts';

type Json = Record<string, unknown>;

interface Known {
  /** What it was made of: other definitions make another document. */
  readonly definitions: readonly ResourceDefinition[];
  readonly document: Promise<MadeDocument>;
  /** The same in the other form; there are few who want that. */
  binary?: Promise<MadeDocument>;
}

/** `/openapi/v3` and its documents, one a group and version and one a path of discovery, made when first asked for. */
export function openApiPaths(registry: ResourceRegistry): PathHandler {
  const documents = new Map<string, Known>();
  let facts: SchemaFacts | undefined;
  const partsOf = (path: string, definitions: readonly ResourceDefinition[]) => {
    const alone = discoveryOperation(registry, path);
    if (alone) return discoveryParts(alone, facts);
    const [group, version] = groupVersionOf(path);
    return resourceParts(definitions, resourcesOperation(registry, group, version), facts);
  };
  const documentOf: DocumentOf = async (path) => {
    const definitions = discoveryOperation(registry, path)
      ? noDefinitions
      : registry.resourcesOf(...groupVersionOf(path));
    if (!definitions) return undefined;
    const known = documents.get(path);
    if (known?.definitions === definitions) return known.document;
    const document = madeDocument(jsonPieces(partsOf(path, definitions)));
    documents.set(path, { definitions, document });
    return document;
  };
  const binaryOf = async (path: string): Promise<MadeDocument> => {
    const known = documents.get(path) as Known;
    const { encodeOpenApi } = await import('./encode-openapi.ts');
    known.binary ??= madeDocument(encodeOpenApi(partsOf(path, known.definitions)));
    return known.binary;
  };
  return async ([first, second, ...rest], request) => {
    if (first !== 'openapi' || second !== 'v3') return undefined;
    facts ??= (await import('./schema-facts.ts')).schemaFacts;
    if (decodedPath(request.path).endsWith('/')) return nothing(404);
    if (rest.length === 0) return index(registry, documentOf);
    const path = rest.join('/');
    const document = await documentOf(path);
    return document ? accepted(document, { request, path, binaryOf }) : nothing(404);
  };
}

/** Of what is the same whatever is defined. */
const noDefinitions: readonly ResourceDefinition[] = [];

type DocumentOf = (path: string) => Promise<MadeDocument | undefined>;

/** `api/v1`, `apis/apps/v1`; of anything else those of nothing. */
function groupVersionOf(path: string): [group: string, version: string] {
  const [, , core] = /^(api)\/([^/]+)$/.exec(path) ?? [];
  if (core !== undefined) return ['', core];
  const [, group = '', version = ''] = /^apis\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
  return [group, version];
}

async function index(registry: ResourceRegistry, documentOf: DocumentOf): Promise<Answer> {
  const versions = registry.groups.flatMap((group) =>
    registry.versionsOf(group).map((version) => (group === '' ? `api/${version}` : `apis/${group}/${version}`)),
  );
  const paths: Json = {};
  for (const path of [...versions, ...discoveryPathsOf(registry)].sort()) {
    const document = await documentOf(path);
    if (document) paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${document.hash}` };
  }
  // Upstream's aggregator names no type, which Go's server then finds to be text.
  const headers = { 'content-type': 'text/plain; charset=utf-8' };
  return { type: 'document', status: 200, body: Buffer.from(JSON.stringify({ paths })), headers };
}

/** An answer without a body. */
function nothing(status: number, headers: Readonly<Record<string, string>> = {}): Answer {
  return { type: 'document', status, body: new Uint8Array(), headers };
}

const binaryType = 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf';

interface Asked {
  readonly request: ServerRequest;
  readonly path: string;
  readonly binaryOf: (path: string) => Promise<MadeDocument>;
}

/** In the form its client likes best; both have one hash (kube-openapi handler3). */
async function accepted(document: MadeDocument, { request, path, binaryOf }: Asked): Promise<Answer> {
  const form = schemaFormOf(request.accept, 'v3');
  if (form === undefined) return nothing(200);
  if (form === 'neither') return nothing(406, { vary: 'Accept' });
  const hash = request.query.get('hash');
  if (form === 'json') return withHash({ ...document, type: 'application/json' }, hash, path);
  const { body } = await binaryOf(path);
  return withHash({ body, hash: document.hash, type: binaryType }, hash, path);
}

interface TypedDocument extends MadeDocument {
  readonly type: string;
}

/** A document asked for by its hash never changes under that address: who has another hash is sent there. */
function withHash({ body, hash, type }: TypedDocument, asked: string | null, path: string): Answer {
  const headers = { 'content-type': type, etag: `"${hash}"`, vary: 'Accept' };
  if (!asked) return { type: 'document', status: 200, body, headers };
  if (asked !== hash) return nothing(301, { ...headers, location: `/openapi/v3/${path}?hash=${hash}` });
  return { type: 'document', status: 200, body, headers: { ...headers, 'cache-control': 'public, immutable' } };
}

function discoveryParts({ url, operation, schema }: DiscoveryOperation, facts: SchemaFacts | undefined): OpenApiParts {
  return {
    ...head,
    paths: [[url, operation]],
    ...(schema === undefined ? {} : { schemas: componentsOf([schema], { facts }) }),
  };
}

function resourceParts(
  definitions: readonly ResourceDefinition[],
  list: DiscoveryOperation | undefined,
  facts: SchemaFacts | undefined,
): OpenApiParts {
  const own = new Set(definitions.map(({ schema }) => schema));
  const roots = [
    ...own,
    ...[...own].map((name) => `${name}List`),
    ...definitions.flatMap((definition) => definition.subresources.map((each) => schemaOf(definition, each))),
    ...(list?.schema === undefined ? [] : [list.schema]),
    ...operationSchemas(definitions),
    ...customRoots(definitions),
  ];
  const isCustom = definitions.some(({ custom }) => custom);
  const kinds = isCustom ? unlessExtension : kindsIn(definitions);
  const listPath: [string, Json][] = list ? [[list.url, list.operation]] : [];
  return {
    ...(isCustom ? customHead : head),
    paths: flat([listPath, flat(definitions, operationPaths)], (each) => each),
    schemas: flat([customComponents(definitions), componentsOf(roots, { facts, kinds })], (each) => each),
  };
}

/** What stands for a kind of every version of every group is told as that of the core group and of the document's own. */
function kindsIn(definitions: readonly ResourceDefinition[]): KindFilter {
  const isOwn = ({ group, version }: GroupVersionKind) =>
    group === '' || definitions.some((each) => each.group === group && each.version === version);
  return (all) => (all.length > 1 ? all.filter(isOwn) : all);
}

/** Documents of definitions tell all that client-go's scheme knows (apiextensions openapi builder). */
const unlessExtension: KindFilter = (all) => all.filter(({ group }) => !notOfClients.has(group));
const notOfClients: ReadonlySet<string> = new Set([
  'admission.k8s.io',
  'apiextensions.k8s.io',
  'apiregistration.k8s.io',
  'imagepolicy.k8s.io',
]);

/** Of documents of the server's own kinds, which alone tell how clients say who they are. */
const head = {
  info: documentInfo,
  securitySchemes: {
    BearerToken: { type: 'apiKey', description: 'A bearer token', name: 'authorization', in: 'header' },
  },
} as const;
/** Upstream's, for all definitions. */
const customHead = { info: { title: 'Kubernetes CRD Swagger', version: 'v0.1.0' } } as const;

function* jsonPieces({ info, paths, schemas, securitySchemes }: OpenApiParts): Generator<string> {
  yield `{"openapi":"3.0.0","info":${JSON.stringify(info)},"paths":{`;
  yield* membersOf(paths);
  const security = securitySchemes ? `"securitySchemes":${JSON.stringify(securitySchemes)}` : '';
  yield '},"components":{';
  if (!schemas) return yield `${security}}}`;
  yield '"schemas":{';
  yield* membersOf(schemas);
  yield `}${security && `,${security}`}}}`;
}

function* flat<A, B>(all: Iterable<A>, each: (one: A) => Iterable<B>): Generator<B> {
  for (const one of all) yield* each(one);
}
