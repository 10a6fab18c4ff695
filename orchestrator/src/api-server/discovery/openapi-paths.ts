import { schemaFormOf } from '../representation/negotiate.ts';
import type { PathHandler } from '../request-pipeline.ts';
import type { ResourceDefinition, SubresourceDefinition } from '../resource-definition.ts';
import type { ResourceRegistry } from '../resource-registry.ts';
import type { Answer, ServerRequest } from '../server-request.ts';
import { customComponents, customRoots } from './custom-components.ts';
import type { Descriptions } from './descriptions/descriptions.ts';
import type { OpenApiParts } from './encode-openapi.ts';
import { type MadeDocument, madeDocument, membersOf } from './made-document.ts';
import { componentsOf, refOf } from './openapi-schema.ts';
import { versionInfo } from './version.ts';

type Json = Record<string, unknown>;

interface Known {
  /** What it was made of: other definitions make another document. */
  readonly definitions: readonly ResourceDefinition[];
  readonly document: Promise<MadeDocument>;
  /** The same in the other form; there are few who want that. */
  binary?: Promise<MadeDocument>;
}

/** `/openapi/v3` and one document a group and version, made when first asked for. */
export function openApiPaths(registry: ResourceRegistry): PathHandler {
  const documents = new Map<string, Known>();
  let words: Descriptions | undefined;
  const documentOf: DocumentOf = async (root, group, version) => {
    const key = root === 'api' ? `api/${version}` : `apis/${group}/${version}`;
    const definitions = registry.resourcesOf(group, version);
    if (!definitions) return undefined;
    const known = documents.get(key);
    if (known?.definitions === definitions) return known.document;
    const document = madeDocument(jsonPieces(partsOf(definitions, words)));
    documents.set(key, { definitions, document });
    return document;
  };
  const binaryOf = async (path: string): Promise<MadeDocument> => {
    const known = documents.get(path) as Known;
    const { encodeOpenApi } = await import('./encode-openapi.ts');
    known.binary ??= madeDocument(encodeOpenApi(partsOf(known.definitions, words)));
    return known.binary;
  };
  return async ([first, second, ...rest], request) => {
    if (first !== 'openapi' || second !== 'v3') return undefined;
    words ??= (await import('./descriptions/described-fields.ts')).describedFields;
    if (request.path.endsWith('/')) return nothing(404);
    if (rest.length === 0) return index(registry, documentOf);
    const [root = '', group = '', version = ''] = rest[0] === 'api' ? ['api', '', rest[1]] : rest;
    if ((root !== 'api' && root !== 'apis') || rest.length !== (root === 'api' ? 2 : 3)) return nothing(404);
    const document = await documentOf(root, group, version);
    return document ? accepted(document, { request, path: rest.join('/'), binaryOf }) : nothing(404);
  };
}

type DocumentOf = (root: string, group: string, version: string) => Promise<MadeDocument | undefined>;

async function index(registry: ResourceRegistry, documentOf: DocumentOf): Promise<Answer> {
  const paths: Json = {};
  for (const group of registry.groups)
    for (const version of registry.versionsOf(group)) {
      const root = group === '' ? 'api' : 'apis';
      const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
      const document = await documentOf(root, group, version);
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

function partsOf(definitions: readonly ResourceDefinition[], words: Descriptions | undefined): OpenApiParts {
  const kinds = new Map<string, ResourceDefinition[]>();
  for (const definition of definitions) {
    const list = kinds.get(definition.schema) ?? [];
    list.push(definition);
    kinds.set(definition.schema, list);
  }
  const roots = [
    ...kinds.keys(),
    ...[...kinds.keys()].map((name) => `${name}List`),
    deleteOptions,
    ...customRoots(definitions),
  ];
  return {
    info: { title: 'Kubernetes', version: versionInfo.gitVersion },
    paths: flat(definitions, pathsOf),
    schemas: flat([customComponents(definitions), componentsOf(roots, kinds, words)], (each) => each),
  };
}

function* jsonPieces({ info, paths, schemas }: OpenApiParts): Generator<string> {
  yield `{"openapi":"3.0.0","info":${JSON.stringify(info)},"paths":{`;
  yield* membersOf(paths);
  yield '},"components":{"schemas":{';
  yield* membersOf(schemas);
  yield '}}}';
}

function* flat<A, B>(all: Iterable<A>, each: (one: A) => Iterable<B>): Generator<B> {
  for (const one of all) yield* each(one);
}

const deleteOptions = 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions';

const methods: Readonly<Record<string, readonly [method: string, action: string]>> = {
  get: ['get', 'get'],
  list: ['get', 'list'],
  create: ['post', 'post'],
  update: ['put', 'put'],
  patch: ['patch', 'patch'],
  delete: ['delete', 'delete'],
  deletecollection: ['delete', 'deletecollection'],
};

function pathsOf(definition: ResourceDefinition): [string, Json][] {
  const { group, version, plural, namespaced, verbs, subresources } = definition;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const collection = `${root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}`;
  const item = `${collection}/{name}`;
  const of = (wanted: readonly string[]) => wanted.filter((verb) => verbs.includes(verb));
  const paths: [string, Json][] = [
    [collection, operations(definition, of(['list', 'create', 'deletecollection']), definition)],
    [item, operations(definition, of(['get', 'update', 'patch', 'delete']), definition)],
    ...subresources.map((each): [string, Json] => [`${item}/${each.name}`, operations(definition, each.verbs, each)]),
  ];
  if (namespaced && verbs.includes('list'))
    paths.push([`${root}/${plural}`, operations(definition, ['list'], definition)]);
  return paths.filter(([, value]) => Object.keys(value).length > 0);
}

type Kind = Pick<SubresourceDefinition, 'group' | 'version' | 'kind'>;

function operations(
  { schema, custom }: ResourceDefinition,
  verbs: readonly string[],
  { group, version, kind }: Kind,
): Json {
  const result: Json = {};
  for (const verb of verbs) {
    const [method, action] = methods[verb] ?? [];
    if (!method) continue;
    const of = verb === 'list' ? `${schema}List` : schema;
    const parameters = parametersOf(verb);
    result[method] = {
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': { group, version, kind },
      // Go writes no empty list, and clients that read and write a document want the same again.
      ...(parameters.length > 0 ? { parameters } : {}),
      ...(['create', 'update', 'patch'].includes(verb)
        ? { requestBody: requestBody(verb, schema, custom !== undefined) }
        : {}),
      responses: { 200: { description: 'OK', content: { 'application/json': { schema: { $ref: refOf(of) } } } } },
    };
  }
  return result;
}

function requestBody(verb: string, schema: string, isCustom: boolean): Json {
  const types =
    verb === 'patch'
      ? [
          'application/json-patch+json',
          'application/merge-patch+json',
          ...(isCustom ? [] : ['application/strategic-merge-patch+json']),
          'application/apply-patch+yaml',
        ]
      : ['*/*'];
  const content = { schema: verb === 'patch' ? { type: 'object' } : { $ref: refOf(schema) } };
  return { content: Object.fromEntries(types.map((type) => [type, content])), required: true };
}

/** kubectl looks here whether the server knows dryRun and fieldValidation. */
function parametersOf(verb: string): Json[] {
  const query = (name: string) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } });
  if (verb === 'list')
    return ['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'watch'].map(query);
  if (verb === 'get') return [];
  if (verb === 'delete' || verb === 'deletecollection')
    return ['dryRun', 'gracePeriodSeconds', 'propagationPolicy'].map(query);
  return ['dryRun', 'fieldManager', 'fieldValidation', ...(verb === 'patch' ? ['force'] : [])].map(query);
}
