import { additionalOf, isList, type JsonSchema } from './json-schema.ts';

/** Why a schema cannot even be read as a structural one; undefined where it can (apiextensions schema.NewStructural). */
export function formProblem(schema: JsonSchema): string | undefined {
  const own = unsupported(schema);
  if (own !== undefined) return own;
  for (const nested of nestedOf(schema)) {
    const problem = formProblem(nested);
    if (problem !== undefined) return problem;
  }
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
  if (schema.items !== undefined && isList(schema.items))
    return "OpenAPIV3Schema 'items' must be a schema, but is an array";
  return undefined;
}

function* nestedOf(schema: JsonSchema): Generator<JsonSchema> {
  const { not, allOf = [], anyOf = [], oneOf = [], items, properties = {} } = schema;
  if (not) yield not;
  yield* allOf;
  yield* anyOf;
  yield* oneOf;
  if (items !== undefined && !isList(items)) yield items;
  yield* Object.values(properties);
  const additional = additionalOf(schema);
  if (additional) yield additional;
}

function unsupported(schema: JsonSchema): string | undefined {
  const { id, $schema, $ref, patternProperties = {}, dependencies = {}, additionalItems, definitions = {} } = schema;
  const fields: readonly [string, boolean][] = [
    ['id', Boolean(id)],
    ['schema', Boolean($schema)],
    ['$ref', Boolean($ref)],
    ['patternProperties', Object.keys(patternProperties).length > 0],
    ['dependencies', Object.keys(dependencies).length > 0],
    ['additionalItems', additionalItems !== undefined],
    ['definitions', Object.keys(definitions).length > 0],
  ];
  const found = fields.find(([, isSet]) => isSet);
  return found && `OpenAPIV3Schema '${found[0]}' is not supported`;
}
