import {
  additionalOf,
  isEmbedded,
  itemsOf,
  type JsonSchema,
  propertyOf,
} from '../../api-server/custom-resources/schema/json-schema.ts';
import { each, type Steps } from '../../api-server/decoding/in-steps.ts';
import { type CompiledRule, compilingRules } from './compiled-rule.ts';
import { type DeclType, declTypeOf } from './decl-type.ts';
import { escapeName } from './escape-name.ts';

/** The rules of a schema node and of those below it that have any. */
export interface RuleNode {
  readonly schema: JsonSchema;
  readonly isRoot: boolean;
  readonly rules: readonly CompiledRule[];
  /** The rules cannot be read at all: the schema has no type for them. */
  readonly problem?: string;
  readonly items?: RuleNode;
  readonly additional?: RuleNode;
  readonly properties: ReadonlyMap<string, RuleNode>;
  readonly allOf: readonly RuleNode[];
}

/** Compiles what is there; undefined where no rule is (apiextensions schema/cel NewValidator). */
export function* ruleTree(schema: JsonSchema, isRoot: boolean): Steps<RuleNode | undefined> {
  if (!hasRules(schema)) return undefined;
  return yield* nodeOf(schema, schema, { isRoot, type: declTypeOf(schema, isRoot) });
}

export function hasRules(schema: JsonSchema): boolean {
  if ((schema['x-kubernetes-validations'] ?? []).length > 0) return true;
  const below = [itemsOf(schema), additionalOf(schema), ...Object.values(schema.properties ?? {})];
  return below.some((each) => each !== undefined && hasRules(each)) || (schema.allOf ?? []).some(hasRules);
}

interface Place {
  readonly isRoot: boolean;
  readonly type: DeclType | undefined;
}

/** `rules`: the schema that has the rules; `schema`: the one that says what is there. They differ within `allOf`. */
function* nodeOf(rules: JsonSchema, schema: JsonSchema, { isRoot, type }: Place): Steps<RuleNode | undefined> {
  const list = rules['x-kubernetes-validations'] ?? [];
  const compiled = list.length > 0 && type ? yield* compilingRules(schema, list, type) : [];
  const problem = list.length > 0 && !type ? 'failed to convert to declType for CEL validation rules' : undefined;
  const element = function* (of: JsonSchema | undefined, own: JsonSchema | undefined) {
    return of && own ? yield* nodeOf(of, own, { isRoot: isEmbedded(own), type: type?.element }) : undefined;
  };
  const items = yield* element(itemsOf(rules), itemsOf(schema));
  const additional = yield* element(additionalOf(rules), additionalOf(schema));
  const properties = yield* propertyNodes(rules, schema, type);
  const junctors = yield* each(rules.allOf ?? [], (own) => nodeOf(own, schema, { isRoot, type }));
  const allOf = junctors.filter((node) => node !== undefined);
  if (compiled.length + properties.size + allOf.length === 0 && problem === undefined && !items && !additional)
    return undefined;
  return {
    schema,
    isRoot,
    rules: compiled,
    properties,
    allOf,
    ...(problem === undefined ? {} : { problem }),
    ...(items ? { items } : {}),
    ...(additional ? { additional } : {}),
  };
}

function* propertyNodes(
  rules: JsonSchema,
  schema: JsonSchema,
  type: DeclType | undefined,
): Steps<Map<string, RuleNode>> {
  const nodes = new Map<string, RuleNode>();
  for (const [name, inner] of Object.entries(rules.properties ?? {})) {
    const own = propertyOf(schema, name);
    if (!own) continue;
    const escaped = escapeName(name);
    const field = escaped === undefined ? declTypeOf(own, isEmbedded(own)) : type?.fields?.get(escaped);
    const node = field && (yield* nodeOf(inner, own, { isRoot: isEmbedded(own), type: field }));
    if (node) nodes.set(name, node);
  }
  return nodes;
}
