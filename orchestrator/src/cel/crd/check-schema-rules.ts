import {
  additionalOf,
  isEmbedded,
  itemsOf,
  type JsonSchema,
  someSchema,
} from '../../api-server/custom-resources/schema/json-schema.ts';
import { each, type Steps } from '../../api-server/decoding/in-steps.ts';
import type { FieldError } from '../../api-server/resource-definition.ts';
import { child, forbidden, internalError, invalid } from '../../api-server/resources/field.ts';
import { unlimited } from '../estimate/cost-range.ts';
import { type CompiledRule, compilingRules } from './compiled-rule.ts';
import type { SchemaCheck } from './crd-rules.ts';
import { type DeclType, declTypeOf } from './decl-type.ts';
import { escapeName } from './escape-name.ts';

/** Upstream's StaticEstimatedCostLimit and StaticEstimatedCRDCostLimit. */
const ruleLimit = 10_000_000n;
const schemaLimit = 100_000_000n;
const maxRequestBytes = 3 * 1024 * 1024;

/** What is wrong with the rules of a schema: their texts, their types, what they could cost. */
export function* checkingSchemaRules({ schema, path, before = [] }: SchemaCheck): Steps<readonly FieldError[]> {
  const expensive = yield* each(before, isTooExpensive);
  const check = new RuleCheck(expensive.includes(true));
  yield* check.visit(schema, { path, cardinality: 1n, type: undefined, isRoot: true, uncorrelated: undefined });
  return [...check.errors, ...check.totalErrors(path)];
}

/** A rule that was allowed once may stay as expensive as it is. */
function* isTooExpensive(schema: JsonSchema): Steps<boolean> {
  if (!someSchema(schema, (each) => (each['x-kubernetes-validations'] ?? []).length > 0)) return false;
  const check = new RuleCheck(false);
  yield* check.visit(schema, { path: '', cardinality: 1n, type: undefined, isRoot: true, uncorrelated: undefined });
  return check.errors.some(({ reason, message }) => reason === 'FieldValueForbidden' && message.includes('estimated'));
}

interface Place {
  readonly path: string;
  /** How many there can be; undefined: nobody knows. */
  readonly cardinality: bigint | undefined;
  /** Known from above. */
  readonly type: DeclType | undefined;
  readonly isRoot: boolean;
  /** The list or map in which elements cannot be told from each other. */
  readonly uncorrelated: string | undefined;
}

class RuleCheck {
  readonly errors: FieldError[] = [];
  readonly #lenient: boolean;
  #total = 0n;
  readonly #costs: { readonly path: string; readonly cost: bigint }[] = [];

  constructor(lenient: boolean) {
    this.#lenient = lenient;
  }

  *visit(schema: JsonSchema, place: Place): Steps<void> {
    const { path } = place;
    const type = place.type ?? (hasRulesBelow(schema) ? declTypeOf(schema, place.isRoot) : undefined);
    const cardinality = below(schema, place.cardinality);
    const additional = additionalOf(schema);
    const element = { cardinality, type: type?.element };
    if (additional)
      yield* this.visit(additional, {
        ...place,
        ...element,
        path: child(path, 'additionalProperties'),
        isRoot: isEmbedded(additional),
        uncorrelated: place.uncorrelated,
      });
    for (const [name, inner] of Object.entries(schema.properties ?? {})) {
      const escaped = escapeName(name);
      const field = escaped === undefined ? undefined : type?.fields?.get(escaped);
      const at = `${child(path, 'properties')}[${name}]`;
      yield* this.visit(inner, {
        path: at,
        cardinality,
        type: field,
        isRoot: isEmbedded(inner),
        uncorrelated: place.uncorrelated,
      });
    }
    const items = itemsOf(schema);
    if (items) {
      const uncorrelated =
        schema['x-kubernetes-list-type'] === 'map' ? place.uncorrelated : (place.uncorrelated ?? path);
      yield* this.visit(items, { ...element, path: child(path, 'items'), isRoot: isEmbedded(items), uncorrelated });
    }
    yield* this.#rules(schema, place, type);
  }

  *#rules(schema: JsonSchema, place: Place, type: DeclType | undefined): Steps<void> {
    const rules = schema['x-kubernetes-validations'] ?? [];
    if (rules.length === 0) return;
    const field = child(place.path, 'x-kubernetes-validations');
    if (!type) {
      this.errors.push(
        internalError(
          field,
          'internal error: failed to construct type information for x-kubernetes-validations rules: unable to convert structural schema to CEL declarations',
        ),
      );
      return;
    }
    const most = place.cardinality ?? BigInt(Math.floor(maxRequestBytes / (type.minSize + 1)));
    const compiled = yield* compilingRules(schema, rules, type);
    for (const [i, rule] of compiled.entries()) this.#rule(rule, `${field}[${i}]`, { most, place });
  }

  #rule(compiled: CompiledRule, path: string, { most, place }: { readonly most: bigint; readonly place: Place }): void {
    const { rule, error, message, messageError, usesOldSelf } = compiled;
    const product = compiled.maxCost * most;
    this.#cost(child(path, 'rule'), product > unlimited ? unlimited : product, 'estimated rule cost');
    if (error !== undefined) this.errors.push(invalid(child(path, 'rule'), goRule(rule), error));
    if (messageError !== undefined)
      this.errors.push(invalid(child(path, 'messageExpression'), goRule(rule), messageError));
    else if (message)
      this.#cost(child(path, 'messageExpression'), compiled.maxMessageCost, 'estimated messageExpression cost');
    if (usesOldSelf && place.uncorrelated !== undefined)
      this.errors.push(
        invalid(
          child(path, 'rule'),
          rule.rule,
          `oldSelf cannot be used on the uncorrelatable portion of the schema within ${place.uncorrelated}`,
        ),
      );
    if (!usesOldSelf && rule.optionalOldSelf !== undefined)
      this.errors.push(
        invalid(child(path, 'optionalOldSelf'), rule.optionalOldSelf, 'may not be set if oldSelf is not used in rule'),
      );
  }

  #cost(path: string, cost: bigint, name: string): void {
    if (!this.#lenient && cost > ruleLimit) this.errors.push(forbidden(path, costMessage(name, cost, ruleLimit)));
    this.#total = this.#total + cost > unlimited ? unlimited : this.#total + cost;
    // What is less than a hundredth of the limit is nobody's fault.
    if (cost >= schemaLimit / 100n) this.#costs.push({ path, cost });
  }

  totalErrors(path: string): readonly FieldError[] {
    if (this.#total <= schemaLimit) return [];
    const most = this.#costs.toSorted((a, b) => (a.cost > b.cost ? -1 : a.cost < b.cost ? 1 : 0)).slice(0, 4);
    const words = 'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
    const total = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
    return [
      ...most.map((each) => forbidden(each.path, words)),
      forbidden(path, costMessage(total, this.#total, schemaLimit)),
    ];
  }
}

function hasRulesBelow(schema: JsonSchema): boolean {
  return (schema['x-kubernetes-validations'] ?? []).length > 0;
}

/** How many there can be of what is in it. */
function below(schema: JsonSchema, cardinality: bigint | undefined): bigint | undefined {
  const most = elements(schema);
  if (cardinality === undefined || most === undefined) return undefined;
  const product = cardinality * most;
  return product > unlimited ? unlimited : product;
}

function elements({ type, maxItems, maxProperties, additionalProperties }: JsonSchema): bigint | undefined {
  const limit = (most: number | undefined) => (most === undefined ? undefined : BigInt(Math.max(0, Number(most))));
  if (type === 'array') return limit(maxItems);
  return type === 'object' && additionalProperties !== undefined ? limit(maxProperties) : 1n;
}

function costMessage(name: string, cost: bigint, limit: bigint): string {
  const factor = Number(cost) / Number(limit);
  const shown = factor > 100 ? 'more than 100' : factor < 1.5 ? factor.toFixed(6) : factor.toFixed(1);
  return `${name} exceeds budget by factor of ${shown}x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}

/** A rule as Go marshals its internal form. */
function goRule({
  rule,
  message = '',
  messageExpression = '',
  reason,
  fieldPath = '',
  optionalOldSelf,
}: CompiledRule['rule']): object {
  return {
    Rule: rule,
    Message: message,
    MessageExpression: messageExpression,
    Reason: reason ?? null,
    FieldPath: fieldPath,
    OptionalOldSelf: optionalOldSelf ?? null,
  };
}
