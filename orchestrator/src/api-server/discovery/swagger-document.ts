import type { ResourceDefinition } from '../resource-definition.ts';
import { customComponents, customRoots } from './custom-components.ts';
import { mapValues } from './map-values.ts';
import { componentsOf, refOf, type SchemaFacts } from './openapi-schema.ts';
import { documentInfo } from './version.ts';

/** A schema as Swagger 2.0 has it, as far as Kubernetes uses it. */
export interface SwaggerSchema {
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SwaggerSchema>>;
  readonly additionalProperties?: SwaggerSchema;
  readonly items?: SwaggerSchema;
  /** `x-kubernetes-…` */
  readonly [extension: `x-${string}`]: unknown;
}

export interface SwaggerOperation {
  readonly parameters: readonly { readonly name: string; readonly in: 'query'; readonly type: 'string' }[];
  readonly responses: object;
  readonly [extension: `x-${string}`]: unknown;
}

export interface SwaggerDocument {
  readonly swagger: '2.0';
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Readonly<Record<string, { readonly patch: SwaggerOperation }>>;
  readonly definitions: Readonly<Record<string, SwaggerSchema>>;
}

/** All but the definitions. */
export type SwaggerHead = Omit<SwaggerDocument, 'definitions'>;

/**
 * What the OpenAPI v2 document begins with in the form that kubectl up to 1.28 reads for apply, diff and explain: of the
 * paths the PATCH ones, where it looks whether dryRun and fieldValidation are known.
 */
export function swaggerHead(all: readonly ResourceDefinition[]): SwaggerHead {
  return {
    swagger: '2.0',
    info: documentInfo,
    paths: Object.fromEntries(all.filter(({ verbs }) => verbs.includes('patch')).map(patchPath)),
  };
}

/** The schemas of that document, and others that are needed, made as they are asked for. */
export function* swaggerDefinitions(
  all: readonly ResourceDefinition[],
  facts: SchemaFacts,
  others: Iterable<string> = [],
): Generator<readonly [name: string, schema: SwaggerSchema]> {
  const own = new Set(all.map(({ schema }) => schema));
  const roots = [...own, ...[...own].map((name) => `${name}List`), ...customRoots(all), ...others];
  for (const components of [customComponents(all, 'v2'), componentsOf(roots, { facts })])
    for (const [name, component] of components) yield [name, downgrade(component)];
}

function patchPath({ group, version, kind, plural, namespaced }: ResourceDefinition) {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  const names = ['dryRun', 'fieldManager', 'fieldValidation', 'force'];
  const patch: SwaggerOperation = {
    parameters: names.map((name) => ({ name, in: 'query', type: 'string' })),
    responses: { 200: { description: 'OK' } },
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': { group, version, kind },
  };
  return [`${root}${namespaced ? '/namespaces/{namespace}' : ''}/${plural}/{name}`, { patch }] as const;
}

/** What {@link componentsOf} makes: OpenAPI 3.0. */
interface ComponentSchema extends Omit<SwaggerSchema, 'properties' | 'additionalProperties' | 'items'> {
  readonly allOf?: readonly [{ readonly $ref: string }];
  readonly oneOf?: unknown;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, ComponentSchema>>;
  readonly additionalProperties?: ComponentSchema;
  readonly items?: ComponentSchema;
}

/** 2.0 knows no oneOf (what is a number or a text is called a text there), and refers without allOf; defaults are not told (kube-openapi PruneDefaults). */
function downgrade(schema: ComponentSchema): SwaggerSchema {
  const { allOf, oneOf, properties, additionalProperties, items, default: _, ...rest } = schema;
  const { $ref: own, ...kept } = rest;
  const ref = allOf?.[0].$ref ?? own;
  return {
    ...kept,
    ...(ref === undefined ? {} : { $ref: ref.replace(refOf(''), '#/definitions/') }),
    ...(oneOf === undefined ? {} : { type: 'string' }),
    ...(properties ? { properties: mapValues(properties, downgrade) } : {}),
    ...(additionalProperties ? { additionalProperties: downgrade(additionalProperties) } : {}),
    ...(items ? { items: downgrade(items) } : {}),
  };
}
