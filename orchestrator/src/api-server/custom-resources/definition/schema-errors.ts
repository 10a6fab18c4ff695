import { type CustomResourceDefinitionSpec, nestsDeeper, sortedJson } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { child, forbidden, invalid } from '../../resources/field.ts';
import { hasDefault, itemsOf, type JsonSchema, someSchema } from '../schema/json-schema.ts';
import { structuralErrors } from '../schema/structural-errors.ts';
import { formProblem } from '../schema/structural-form.ts';
import { defaultErrors, hasUnprunedDefaults } from './default-errors.ts';
import { internalJson, setFields } from './internal-json.ts';
import { versionsOf } from './internal-spec.ts';
import { listKeyErrors, SchemaVisit } from './schema-visit.ts';

/** What is asked of schemas; less, where what is stored would not pass. */
export interface SchemaCheck {
  readonly requiresSchema: boolean;
  readonly requiresTypes: boolean;
  readonly requiresStructural: boolean;
  readonly requiresPrunedDefaults: boolean;
  readonly requiresAtomicSets: boolean;
  readonly requiresMapKeys: boolean;
  /** Versions whose schema an update did not change. */
  readonly unchanged: ReadonlySet<string>;
  /** Rules and message expressions that stood there before. */
  readonly knownExpressions: ReadonlySet<string>;
}

/** `old`: the spec that an update replaces. */
export function schemaCheckFor(old: CustomResourceDefinitionSpec | undefined): SchemaCheck {
  const versions = old ? versionsOf(old) : [];
  const schemas = versions.flatMap(({ schema }) => schema?.openAPIV3Schema ?? []);
  const none = (is: (schema: JsonSchema) => boolean) => !schemas.some((schema) => someSchema(schema, is));
  const expressions = new Set<string>();
  for (const schema of schemas)
    someSchema(schema, ({ 'x-kubernetes-validations': rules = [] }) => {
      for (const { rule, messageExpression } of rules)
        for (const text of [rule, messageExpression]) if (text) expressions.add(text);
      return false;
    });
  return {
    requiresSchema: versions.every(({ schema }) => schema?.openAPIV3Schema !== undefined),
    requiresTypes: none(({ type }) => Boolean(type) && !openApiTypes.includes(type as string)),
    requiresStructural: schemas.every(
      (schema) => formProblem(schema) === undefined && structuralErrors(schema, '').length === 0,
    ),
    requiresPrunedDefaults: !schemas.some(hasUnprunedDefaults),
    requiresAtomicSets: none(hasNonAtomicSet),
    requiresMapKeys: none((schema) => listKeyErrors(schema, '').length > 0),
    unchanged: new Set(
      versions.flatMap(({ name, schema }) => (schema ? [`${name} ${sortedJson(schema.openAPIV3Schema)}`] : [])),
    ),
    knownExpressions: expressions,
  };
}

export const openApiTypes: readonly string[] = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

function hasNonAtomicSet(schema: JsonSchema): boolean {
  const items = itemsOf(schema);
  if (schema['x-kubernetes-list-type'] !== 'set' || !items) return false;
  if (items.type === 'array') return (items['x-kubernetes-list-type'] ?? 'atomic') !== 'atomic';
  return items.type === 'object' && items['x-kubernetes-map-type'] !== 'atomic';
}

export interface SchemaPlace {
  /** `spec.validation` or `spec.versions[0].schema` */
  readonly path: string;
  readonly status: boolean;
  readonly check: SchemaCheck;
  readonly version: string;
}

/** Objects are filled, pruned and described by it where all requests are served, whose stack holds no more. */
const mostNested = 990;

/** What is wrong with the schema of a version (apiextensions validateCustomResourceDefinitionValidation). */
export function validationErrors(schema: JsonSchema, { path, status, check }: SchemaPlace): FieldError[] {
  const field = child(path, 'openAPIV3Schema');
  if (nestsDeeper(schema, mostNested)) return [forbidden(field, `may not nest deeper than ${mostNested} levels`)];
  const errors: FieldError[] = status ? rootErrors(schema, field) : [];
  if (schema.nullable) errors.push(forbidden(child(field, 'nullable'), 'nullable cannot be true at the root'));
  const problem = formProblem(schema);
  const structural =
    problem === undefined && asksForStructure(schema, check) ? structureErrors(schema, field, check) : [];
  errors.push(...structural);
  const visit = new SchemaVisit(check);
  errors.push(...visit.errorsOf(schema, field));
  if (errors.length === 0 && problem !== undefined) errors.push(invalid(field, '', problem));
  return errors;
}

/** Defaults and extensions need structure, also where it was not asked for before. */
function asksForStructure(schema: JsonSchema, { requiresStructural }: SchemaCheck): boolean {
  return (
    requiresStructural ||
    someSchema(schema, (each) => hasDefault(each) || Object.keys(each).some((name) => name.startsWith('x-')))
  );
}

function structureErrors(schema: JsonSchema, field: string, check: SchemaCheck): FieldError[] {
  const errors = structuralErrors(schema, field);
  return errors.length > 0 ? errors : defaultErrors(schema, field, check.requiresPrunedDefaults);
}

/** Go's names of what may stand at the root where the status endpoint is on, so that its schema can be cut out. */
const allowedAtRoot =
  'Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations';

function rootErrors(schema: JsonSchema, field: string): FieldError[] {
  const allowed = allowedAtRoot.split(' ');
  for (const [name, value] of setFields('Schema', schema)) {
    if (name === 'Type') {
      if (value === 'object') continue;
      const why = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
      return [invalid(child(field, 'type'), value, why)];
    }
    if (!allowed.includes(name)) {
      const why = `only [${allowedAtRoot}] fields are allowed at the root of the schema if the status subresource is enabled`;
      return [invalid(field, internalJson('Schema', schema), why)];
    }
  }
  return [];
}
