import { ownMember } from '@berth/kit';
/** A rule of `x-kubernetes-validations`. */
export interface ValidationRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

/** An OpenAPI v3 schema as a CustomResourceDefinition has it (apiextensions v1 JSONSchemaProps). */
export interface JsonSchema {
  readonly id?: string;
  readonly $schema?: string;
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly title?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly example?: unknown;
  readonly maximum?: number;
  readonly exclusiveMaximum?: boolean;
  readonly minimum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly maxItems?: number;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
  readonly multipleOf?: number;
  readonly maxProperties?: number;
  readonly minProperties?: number;
  readonly enum?: readonly unknown[];
  readonly required?: readonly string[];
  /** A list is refused by validation. */
  readonly items?: JsonSchema | readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly not?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly dependencies?: Readonly<Record<string, JsonSchema | readonly string[]>>;
  readonly additionalItems?: JsonSchema | boolean;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  readonly externalDocs?: { readonly description?: string; readonly url?: string };
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-embedded-resource'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-list-type'?: string;
  readonly 'x-kubernetes-map-type'?: string;
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[];
}

/** The schema of a list's items, where there is one. */
export function itemsOf({ items }: JsonSchema): JsonSchema | undefined {
  return items !== undefined && !isList(items) ? items : undefined;
}

/** The schema of what no property names, where there is one. */
export function additionalOf({ additionalProperties }: JsonSchema): JsonSchema | undefined {
  return typeof additionalProperties === 'object' ? additionalProperties : undefined;
}

export function propertyOf({ properties }: JsonSchema, name: string): JsonSchema | undefined {
  return ownMember(properties, name);
}

/** The schema of a member of a map or struct. */
export function memberOf(schema: JsonSchema, name: string): JsonSchema | undefined {
  return propertyOf(schema, name) ?? additionalOf(schema);
}

export function preservesUnknown(schema: JsonSchema): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true;
}

export function isEmbedded(schema: JsonSchema): boolean {
  return schema['x-kubernetes-embedded-resource'] === true;
}

/** Go's default is null where there is none. */
export function hasDefault(schema: JsonSchema): boolean {
  return schema.default !== undefined && schema.default !== null;
}

export function isList<T>(value: T | readonly T[]): value is readonly T[] {
  return Array.isArray(value);
}

/** Whether `is` holds for the schema or any schema in it (apiextensions validation SchemaHas). */
export function someSchema(schema: JsonSchema | undefined, is: (schema: JsonSchema) => boolean): boolean {
  if (!schema) return false;
  if (is(schema)) return true;
  const { items, properties, additionalProperties: additional, allOf, anyOf, oneOf, not } = schema;
  if (properties) for (const name in properties) if (someSchema(properties[name], is)) return true;
  if (items !== undefined && (isList(items) ? someOf(items, is) : someSchema(items, is))) return true;
  if (typeof additional === 'object' && someSchema(additional, is)) return true;
  if (someOf(allOf, is) || someOf(anyOf, is) || someOf(oneOf, is) || someSchema(not, is)) return true;
  return someUnsupported(schema, is);
}

function someOf(schemas: readonly JsonSchema[] | undefined, is: (schema: JsonSchema) => boolean): boolean {
  return schemas?.some((schema) => someSchema(schema, is)) ?? false;
}

/** Where validation refuses schemas, but has to look at them first. */
function someUnsupported(schema: JsonSchema, is: (schema: JsonSchema) => boolean): boolean {
  const { patternProperties, definitions, dependencies, additionalItems } = schema;
  if (typeof additionalItems === 'object' && someSchema(additionalItems, is)) return true;
  if (!patternProperties && !definitions && !dependencies) return false;
  const inside = [patternProperties, definitions, dependencies].flatMap((map) => Object.values(map ?? {}));
  return someOf(inside.filter((each) => !isList<unknown>(each)) as JsonSchema[], is);
}
