import type { FieldError } from '../../resource-definition.ts';
import { child, required } from '../../resources/field.ts';
import { itemsOf, type JsonSchema, propertyOf } from './json-schema.ts';

/** Every value that a junctor speaks of must be specified outside of it (apiextensions schema/complete.go). */
export function addIncomplete(schema: JsonSchema, path: string, errors: FieldError[]): void {
  addJunctors({ validation: schema, schema, schemaPath: path, path }, errors);
}

interface Place {
  /** What is said below a junctor, at `path`. */
  readonly validation: JsonSchema;
  /** Where the same value is specified, at `schemaPath`. */
  readonly schema: JsonSchema | undefined;
  readonly schemaPath: string;
  readonly path: string;
}

function addJunctors({ validation, schema, schemaPath, path }: Place, errors: FieldError[]): void {
  const { not, allOf = [], anyOf = [], oneOf = [] } = validation;
  const nested = (each: JsonSchema, at: string) =>
    addNested({ validation: each, schema, schemaPath, path: at }, errors);
  if (not) nested(not, child(path, 'not'));
  for (const [i, each] of allOf.entries()) nested(each, `${child(path, 'allOf')}[${i}]`);
  for (const [i, each] of anyOf.entries()) nested(each, `${child(path, 'anyOf')}[${i}]`);
  for (const [i, each] of oneOf.entries()) nested(each, `${child(path, 'oneOf')}[${i}]`);
}

function addNested(place: Place, errors: FieldError[]): void {
  const { validation, schema, schemaPath, path } = place;
  if (!schema) {
    errors.push(required(schemaPath, `because it is defined in ${path}`));
    return;
  }
  addJunctors(place, errors);
  const items = itemsOf(validation);
  if (items) {
    const at = { schemaPath: child(schemaPath, 'items'), path: child(path, 'items') };
    addNested({ validation: items, schema: itemsOf(schema), ...at }, errors);
  }
  for (const [name, property] of Object.entries(validation.properties ?? {})) {
    const at = {
      schemaPath: `${child(schemaPath, 'properties')}[${name}]`,
      path: `${child(path, 'properties')}[${name}]`,
    };
    addNested({ validation: property, schema: propertyOf(schema, name), ...at }, errors);
  }
}
