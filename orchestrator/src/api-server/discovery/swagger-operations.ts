import { createHash } from 'node:crypto';
import type { ResourceRegistry } from '../resource-registry.ts';
import { discoveryOperation, discoveryPathsOf, resourcesOperation } from './discovery-operations.ts';
import { formsOf, operationPaths } from './openapi-operations.ts';
import type { Parameter } from './openapi-parameters.ts';
import { refOf } from './openapi-schema.ts';

type Json = Record<string, unknown>;
type Schema = Readonly<Record<string, unknown>>;
type Content = Readonly<Record<string, { readonly schema: Schema }>>;

/** An operation of OpenAPI v3, as far as ours go. */
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Content; readonly required?: boolean };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}

/** Media types as upstream lists them. */
const typeOrder = [
  'text/plain',
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/json;stream=watch',
  'application/vnd.kubernetes.protobuf;stream=watch',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];

/** Old clients look for these where they stand (kube-openapi builder/parameters.go). */
const neverShared: readonly string[] = ['dryRun', 'fieldValidation'];

/** What can be done on each path, as OpenAPI v2 has it: the operations of v3 with parameters that are told once for all. */
export class SwaggerOperations {
  readonly #registry: ResourceRegistry;
  readonly #needed = new Set<string>();
  readonly #shared = new Map<string, Json>();
  readonly #names = new Map<Parameter, string>();

  constructor(registry: ResourceRegistry) {
    this.#registry = registry;
  }

  /** The definitions that the paths written so far refer to. */
  get needed(): Iterable<string> {
    return this.#needed;
  }

  /** The parameters that the paths written so far refer to. */
  get parameters(): Json {
    return Object.fromEntries([...this.#shared].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Every path, with what can be done there. */
  *paths(): Generator<readonly [path: string, item: Json]> {
    const registry = this.#registry;
    const versions = registry.groups.flatMap((group) =>
      registry.versionsOf(group).map((each) => [group, each] as const),
    );
    const own = discoveryPathsOf(registry).map((path) => discoveryOperation(registry, path));
    const lists = versions.map(([group, version]) => resourcesOperation(registry, group, version));
    for (const each of [...own, ...lists])
      if (each) yield [each.url, this.#item(each.operation, each.schema === undefined ? [] : undefined)];
    for (const definition of registry.definitions) {
      const sent = definition.custom ? formsOf(definition) : ['*/*'];
      for (const [path, item] of operationPaths(definition)) yield [path, this.#item(item, sent)];
    }
  }

  /** What is sent where no body is; undefined: what is answered. */
  #item(item: Json, sent: readonly string[] | undefined): Json {
    const { parameters, ...operations } = item as { parameters?: readonly Parameter[] } & Record<string, Operation>;
    const entries = Object.entries(operations as Record<string, Operation>).map(
      ([method, operation]) => [method, this.#operation(operation, sent)] as const,
    );
    const common = parameters ? { parameters: parameters.map((each) => this.#parameter(each)) } : {};
    return { ...Object.fromEntries(entries), ...common };
  }

  #operation(
    { parameters = [], requestBody, responses, ...about }: Operation,
    sent: readonly string[] | undefined,
  ): Json {
    const answered = responses['200']?.content;
    const produces = inOrder(Object.keys(answered ?? {}));
    const consumes = requestBody ? inOrder(Object.keys(requestBody.content)) : (sent ?? produces);
    const all = [...this.#bodies(requestBody), ...parameters.map((each) => this.#parameter(each))];
    const told = Object.entries(responses).map(
      ([code, { description, content }]) =>
        [code, { description, ...(content ? { schema: this.#schema(content) } : {}) }] as const,
    );
    return {
      ...about,
      ...(consumes.length > 0 ? { consumes } : {}),
      produces,
      schemes: ['https'],
      ...(all.length > 0 ? { parameters: all } : {}),
      responses: Object.fromEntries(told),
    };
  }

  #bodies(body: Operation['requestBody']): Json[] {
    if (!body) return [];
    const required = body.required ? { required: true } : {};
    return [{ name: 'body', in: 'body', ...required, schema: this.#schema(body.content) }];
  }

  /** It is the same for all forms. */
  #schema(content: Content): Schema {
    const [{ schema } = { schema: {} }] = Object.values(content);
    const { $ref } = schema;
    if (typeof $ref !== 'string') return schema;
    const name = $ref.slice(refOf('').length);
    this.#needed.add(name);
    return { $ref: `#/definitions/${name}` };
  }

  #parameter(parameter: Parameter): Json {
    const { schema, ...rest } = parameter;
    const own = { ...schema, ...rest };
    if (neverShared.includes(parameter.name) || parameter.name === 'name') return own;
    const known = this.#names.get(parameter);
    const name = known ?? `${parameter.name}-${hashOf(own)}`;
    if (known === undefined) {
      this.#names.set(parameter, name);
      this.#shared.set(name, own);
    }
    return { $ref: `#/parameters/${name}` };
  }
}

function inOrder(types: readonly string[]): string[] {
  return [...types].sort((a, b) => typeOrder.indexOf(a) - typeOrder.indexOf(b));
}

/** Long enough that no two of one name have the same. */
function hashOf(parameter: Json): string {
  return createHash('sha256').update(JSON.stringify(parameter)).digest('base64url').slice(0, 8);
}
