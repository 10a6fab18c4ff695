import { schemas } from '@berth/kube';
import type { ResourceDefinition, SubresourceDefinition } from '../resource-definition.ts';
import { returnsDeleted } from '../verbs/returns-deleted.ts';
import { capital, identifierOf, tagOf } from './openapi-names.ts';
import {
  type Parameter,
  type ParametersOf,
  parametersOf,
  pathParameters,
  subresourceParameters,
} from './openapi-parameters.ts';
import { refOf } from './openapi-schema.ts';

type Json = Record<string, unknown>;
type Path = readonly [path: string, item: Json];

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const ofMeta = {
  options: `${meta}.DeleteOptions`,
  patch: `${meta}.Patch`,
  status: `${meta}.Status`,
  event: `${meta}.WatchEvent`,
} as const;

/** The schemas that operations of kinds refer to beside those of the kinds. */
export function operationSchemas(definitions: readonly ResourceDefinition[]): string[] {
  const any = (...wanted: Verb[]) => definitions.some(({ verbs }) => wanted.some((verb) => verbs.includes(verb)));
  return [
    ...(any('delete', 'deletecollection') ? [ofMeta.options, ofMeta.status] : []),
    ...(any('patch') ? [ofMeta.patch] : []),
    ...(definitions.some(({ custom, verbs }) => !custom && verbs.includes('watch')) ? [ofMeta.event] : []),
  ];
}

/** What objects may come as. */
export const formsOf = ({ custom }: ResourceDefinition): readonly string[] =>
  custom
    ? ['application/json', 'application/yaml']
    : ['application/json', 'application/vnd.kubernetes.protobuf', 'application/yaml'];
const streams = ['application/json;stream=watch', 'application/vnd.kubernetes.protobuf;stream=watch'];

interface Action {
  readonly method: string;
  readonly action: string;
  /** What the operation's name begins with. */
  readonly word: string;
  readonly sent?: 'object' | 'patch' | 'options';
  /** Which answers there are beside 200. */
  readonly also?: readonly (201 | 202)[];
}

const actions: Readonly<Record<ParametersOf, Action>> = {
  get: { method: 'get', action: 'get', word: 'read' },
  list: { method: 'get', action: 'list', word: 'list' },
  create: { method: 'post', action: 'post', word: 'create', sent: 'object', also: [201, 202] },
  update: { method: 'put', action: 'put', word: 'replace', sent: 'object', also: [201] },
  patch: { method: 'patch', action: 'patch', word: 'patch', sent: 'patch', also: [201] },
  delete: { method: 'delete', action: 'delete', word: 'delete', sent: 'options', also: [202] },
  deletecollection: { method: 'delete', action: 'deletecollection', word: 'delete', sent: 'options' },
  watch: { method: 'get', action: 'watch', word: 'watch' },
  watchlist: { method: 'get', action: 'watchlist', word: 'watch' },
};

type Verb = keyof typeof actions;

const descriptions = { 200: 'OK', 201: 'Created', 202: 'Accepted' } as const;

interface Operation {
  readonly method: string;
  readonly parameters: readonly Parameter[];
  readonly about: Json;
}

type Kind = Pick<SubresourceDefinition, 'group' | 'version' | 'kind'>;

/** What operations on one path are about. */
interface Place {
  readonly definition: ResourceDefinition;
  readonly of: Kind;
  /** `NamespacedPodStatus` */
  readonly name: string;
  readonly parameters: readonly Parameter[];
  /** Behind the name. */
  readonly suffix?: string;
}

/** The paths of a kind with what can be done there, named as by kube-apiserver's installer (k8s.io/apiserver endpoints/installer.go). */
export function* operationPaths(definition: ResourceDefinition): Generator<Path> {
  const { group, version, kind, plural, namespaced, verbs, subresources, custom } = definition;
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const [inPath, within] = namespaced ? ['namespaces/{namespace}/', [pathParameters.namespace]] : ['', []];
  const collection: Place = {
    definition,
    of: definition,
    name: `${namespaced ? 'Namespaced' : ''}${kind}`,
    parameters: within,
  };
  const item: Place = { ...collection, parameters: [pathParameters.name, ...within] };
  const everywhere: Place = { ...collection, name: kind, parameters: [], suffix: 'ForAllNamespaces' };
  const can = (verb: Verb) => verbs.includes(verb);
  const at = (path: string, wanted: readonly Verb[], place: Place): Path[] =>
    wanted.length > 0 ? [[`${root}/${path}`, pathItem(wanted.map((verb) => operation(verb, place)))]] : [];
  const [all, one] = [`${inPath}${plural}`, `${inPath}${plural}/{name}`];
  yield* at(all, (['list', 'create', 'deletecollection'] as const).filter(can), collection);
  yield* at(one, (['get', 'update', 'patch', 'delete'] as const).filter(can), item);
  for (const subresource of subresources)
    yield* subresourcePaths(`${root}/${one}/${subresource.name}`, subresource, item);
  if (namespaced && can('list')) yield* at(plural, ['list'], everywhere);
  if (custom || !can('watch')) return;
  yield* at(`watch/${all}`, ['watchlist'], collection);
  yield* at(`watch/${one}`, ['watch'], item);
  if (namespaced) yield* at(`watch/${plural}`, ['watchlist'], everywhere);
}

function* subresourcePaths(path: string, subresource: SubresourceDefinition, item: Place): Generator<Path> {
  const { name, verbs } = subresource;
  const place = { ...item, of: subresource, name: `${item.name}${capital(name)}` };
  const own = subresourceParameters(name);
  if (!own) {
    const known = verbs.filter((verb): verb is Verb => Object.hasOwn(actions, verb));
    if (known.length > 0) yield [path, pathItem(known.map((verb) => operation(verb, place)))];
    return;
  }
  const parameters = [...item.parameters, ...own];
  if (name === 'log') {
    const { method, about } = operation('get', place);
    const answered = contentOf([...formsOf(item.definition), 'text/plain'], { type: 'string' });
    const shown = [pathParameters.pretty, ...parameters];
    return yield [
      path,
      pathItem([{ method, parameters: shown, about: { ...about, responses: responsesOf([200], answered) } }]),
    ];
  }
  const methods = name === 'proxy' ? proxyMethods : ['get', 'post'];
  yield [path, pathItem(methods.map((method) => connection(method, { ...place, parameters })))];
  if (name !== 'proxy') return;
  const deeper = { ...place, parameters: [...parameters, pathParameters.path], suffix: 'WithPath' };
  yield [`${path}/{path}`, pathItem(methods.map((method) => connection(method, deeper)))];
}

const proxyMethods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch'];

function connection(method: string, place: Place): Operation {
  const { of, parameters, name, suffix = '' } = place;
  const about = {
    ...named(place, 'connect', `${capital(method)}${name}${suffix}`),
    description: `Connects ${method.toUpperCase()} requests.`,
    responses: responsesOf([200], contentOf(['*/*'], { type: 'string' })),
    ...whatAndWhich('connect', of),
  };
  return { method, parameters, about };
}

function operation(verb: Verb, place: Place): Operation {
  const { definition, of, name, suffix = '' } = place;
  const { custom } = definition;
  const { method, action, word, sent, also = [] } = actions[verb];
  const many = verb === 'deletecollection' ? 'Collection' : '';
  const list = verb === 'watchlist' ? 'List' : '';
  const schema = schemaOf(definition, of);
  const isStream = !custom && (verb === 'list' || verb === 'watch' || verb === 'watchlist');
  const types = isStream ? [...formsOf(definition), ...streams] : formsOf(definition);
  const codes = custom && verb === 'patch' ? [200 as const] : [200 as const, ...also];
  const about = {
    ...named(place, word, `${many}${name}${list}${suffix}`),
    ...(sent && !(custom && verb === 'deletecollection') ? { requestBody: requestBody(sent, schema, definition) } : {}),
    responses: responsesOf(codes, contentOf(types, { $ref: refOf(answeredBy(verb, schema, definition)) })),
    // Scales of custom resources are told as of them.
    ...whatAndWhich(action, custom ? definition : of),
  };
  return {
    method,
    parameters: [...place.parameters, pathParameters.pretty, ...parametersOf(verb, custom !== undefined)],
    about,
  };
}

/** `readCoreV1NamespacedPod`, and the group's tag (kube-openapi's GetOperationIDAndTagsFromRoute). */
function named({ definition: { group, version } }: Place, word: string, name: string): Json {
  const tag = tagOf(group);
  const id = identifierOf(version);
  return { tags: [`${tag}_${id}`], operationId: `${word}${capital(tag)}${capital(id)}${identifierOf(name)}` };
}

function whatAndWhich(action: string, { group, version, kind }: Kind): Json {
  return { 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': { group, version, kind } };
}

function contentOf(types: readonly string[], schema: Json): Json {
  return Object.fromEntries([...types].sort().map((type) => [type, { schema }]));
}

function responsesOf(codes: readonly (keyof typeof descriptions)[], content: Json): Json {
  const answers = codes.map((code) => [code, { description: descriptions[code], content }]);
  return { ...Object.fromEntries(answers), 401: { description: 'Unauthorized' } };
}

function answeredBy(verb: Verb, schema: string, definition: ResourceDefinition): string {
  if (verb === 'list') return `${schema}List`;
  if (verb === 'watch' || verb === 'watchlist') return ofMeta.event;
  if (verb === 'delete') return returnsDeleted(definition) ? schema : ofMeta.status;
  return verb === 'deletecollection' ? ofMeta.status : schema;
}

/** What is sent to and answered by a subresource may be of another kind: a Scale, an Eviction. */
export function schemaOf(definition: ResourceDefinition, { group, version, kind }: Kind): string {
  if (kind === definition.kind) return definition.schema;
  const name = `io.k8s.api.${group === '' ? 'core' : group.split('.')[0]}.${version}.${kind}`;
  return schemas.find(name) ? name : definition.schema;
}

function requestBody(sent: 'object' | 'patch' | 'options', schema: string, definition: ResourceDefinition): Json {
  const { custom } = definition;
  if (sent === 'patch')
    return { content: contentOf(custom ? customPatches : patches, { $ref: refOf(ofMeta.patch) }), required: true };
  const content = contentOf(custom ? formsOf(definition) : ['*/*'], {
    $ref: refOf(sent === 'options' ? ofMeta.options : schema),
  });
  return sent === 'options' ? { content } : { content, required: true };
}

const customPatches = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json'];
const patches = [...customPatches, 'application/strategic-merge-patch+json'];

/** What all operations of a path take is told once, as of the path. */
function pathItem(operations: readonly Operation[]): Json {
  const [first, ...others] = operations;
  const shared = first?.parameters.filter((each) => others.every(({ parameters }) => parameters.includes(each))) ?? [];
  const item: Json = {};
  for (const { method, parameters, about } of operations) {
    const own = parameters.filter((each) => !shared.includes(each));
    // Go writes no empty list, and clients that read and write a document want the same again.
    item[method] = { ...about, ...(own.length > 0 ? { parameters: sorted(own) } : {}) };
  }
  return { ...item, ...(shared.length > 0 ? { parameters: sorted(shared) } : {}) };
}

function sorted(parameters: readonly Parameter[]): Parameter[] {
  const key = (each: Parameter) => `${each.name} ${each.in}`;
  return [...parameters].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}
