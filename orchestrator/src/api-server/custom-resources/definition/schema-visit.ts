import { withSentEmpty } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { child, forbidden, invalid, notSupportedPlain, required } from '../../resources/field.ts';
import { hasDefault, isEmbedded, isList, itemsOf, type JsonSchema } from '../schema/json-schema.ts';
import { listTypeRuleErrors } from './list-type-rules.ts';
import { ruleFormErrors } from './rule-form-errors.ts';
import { openApiTypes, type SchemaCheck } from './schema-errors.ts';

export { listKeyErrors } from './list-type-rules.ts';

/** What is known of where a schema stands. */
interface Where {
  readonly isRoot: boolean;
  /** Why there may be no default; absent: there may. */
  readonly noDefaults?: string;
  readonly insideMeta: boolean;
}

/** The part of upstream's checks that goes through every schema of a schema (ValidateCustomResourceDefinitionOpenAPISchema). */
export class SchemaVisit {
  readonly #check: SchemaCheck;
  readonly #errors: FieldError[] = [];

  constructor(check: SchemaCheck) {
    this.#check = check;
  }

  errorsOf(schema: JsonSchema, path: string): FieldError[] {
    this.#visit(schema, path, { isRoot: true, insideMeta: false });
    return this.#errors;
  }

  #visit(schema: JsonSchema, path: string, where: Where): void {
    this.#add(this.#ownErrors(schema, path, where));
    this.#visitAdditional(schema, path, where);
    for (const [name, property] of Object.entries(schema.properties ?? {}))
      this.#visit(property, `${child(path, 'properties')}[${name}]`, belowProperty(schema, name, where));
    const below = { ...where, isRoot: false };
    if (schema.not) this.#visit(schema.not, child(path, 'not'), below);
    for (const junctor of ['allOf', 'oneOf', 'anyOf'] as const)
      for (const [i, each] of (schema[junctor] ?? []).entries())
        this.#visit(each, `${child(path, junctor)}[${i}]`, below);
    for (const [name, each] of Object.entries(schema.definitions ?? {}))
      this.#visit(each, `${child(path, 'definitions')}[${name}]`, below);
    const items = itemsOf(schema);
    if (items) this.#visit(items, child(path, 'items'), below);
    if (schema['x-kubernetes-preserve-unknown-fields'] === false)
      this.#add([invalid(child(path, 'x-kubernetes-preserve-unknown-fields'), false, 'must be true or undefined')]);
    this.#add(mapTypeErrors(schema, path));
    this.#add(listTypeRuleErrors(schema, path, this.#check));
    this.#add(ruleFormErrors(schema, path));
  }

  #visitAdditional(schema: JsonSchema, path: string, where: Where): void {
    const { additionalProperties: additional, properties = {} } = schema;
    if (additional === undefined) return;
    const field = child(path, 'additionalProperties');
    if (Object.keys(properties).length > 0 && additional !== true)
      this.#add([forbidden(field, 'additionalProperties and properties are mutual exclusive')]);
    if (typeof additional !== 'object') return;
    const noDefaults = where.insideMeta
      ? { noDefaults: 'inside additionalProperties applying to object metadata' }
      : {};
    this.#visit(additional, field, { ...where, ...noDefaults, isRoot: false });
  }

  #ownErrors(schema: JsonSchema, path: string, where: Where): FieldError[] {
    const { type = '', uniqueItems } = schema;
    const field = (name: string) => child(path, name);
    return [
      ...(this.#check.requiresTypes && type !== '' && !openApiTypes.includes(type)
        ? [notSupportedPlain(field('type'), type, openApiTypes)]
        : []),
      ...(hasDefault(schema) && where.noDefaults !== undefined
        ? [forbidden(field('default'), `must not be set ${where.noDefaults}`)]
        : []),
      ...unsupportedErrors(schema, path),
      ...(type === 'null'
        ? [forbidden(field('type'), 'type cannot be set to null, use nullable as an alternative')]
        : []),
      ...(schema.items !== undefined && isList(schema.items) && schema.items.length > 0
        ? [forbidden(field('items'), 'items must be a schema object and not an array')]
        : []),
      ...(where.insideMeta && isEmbedded(schema)
        ? [forbidden(field('x-kubernetes-embedded-resource'), 'must not be used inside of resource meta')]
        : []),
      ...(uniqueItems
        ? [
            forbidden(
              field('uniqueItems'),
              'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
            ),
          ]
        : []),
    ];
  }

  #add(errors: readonly FieldError[]): void {
    for (const error of errors) this.#errors.push(error);
  }
}

function belowProperty(schema: JsonSchema, name: string, where: Where): Where {
  const isMeta = (where.isRoot || isEmbedded(schema)) && ['metadata', 'kind', 'apiVersion'].includes(name);
  if (!isMeta) return { ...where, isRoot: false };
  return { ...where, insideMeta: true, ...(where.isRoot ? { noDefaults: `in top-level ${name}` } : {}), isRoot: false };
}

function unsupportedErrors(schema: JsonSchema, path: string): FieldError[] {
  const { id, additionalItems, patternProperties = {}, definitions = {}, $ref } = schema;
  const fields: readonly [string, boolean][] = [
    ['id', Boolean(id)],
    ['additionalItems', additionalItems !== undefined],
    ['patternProperties', Object.keys(patternProperties).length > 0],
    ['definitions', Object.keys(definitions).length > 0],
    // None of them are some, as Go tells an empty map from none.
    ['dependencies', withSentEmpty(schema, 'dependencies') !== undefined],
    ['$ref', $ref !== undefined],
  ];
  return fields.flatMap(([name, isSet]) => (isSet ? [forbidden(child(path, name), `${name} is not supported`)] : []));
}

function mapTypeErrors({ type = '', 'x-kubernetes-map-type': mapType }: JsonSchema, path: string): FieldError[] {
  if (mapType === undefined) return [];
  const field = child(path, 'type');
  const why = 'must be object if x-kubernetes-map-type is specified';
  return [
    ...(type === 'object' ? [] : [type === '' ? required(field, why) : invalid(field, type, why)]),
    ...(['atomic', 'granular'].includes(mapType)
      ? []
      : [notSupportedPlain(child(path, 'x-kubernetes-map-type'), mapType, ['atomic', 'granular'])]),
  ];
}
