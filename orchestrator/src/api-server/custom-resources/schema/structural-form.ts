import { additionalOf, isList, type JsonSchema } from './json-schema.ts';

/** Why a schema cannot even be read as a structural one; undefined where it can (apiextensions schema.NewStructural). */
export function formProblem(schema: JsonSchema): string | undefined {
  const own = unsupported(schema);
  if (own !== undefined) return own;
  const nested = nestedProblem(schema);
  if (nested !== undefined) return nested;
  if (schema['x-kubernetes-preserve-unknown-fields'] === false)
    return "internal error: 'x-kubernetes-preserve-unknown-fields' must be true or undefined";
  if (schema.items !== undefined && isList(schema.items))
    return "OpenAPIV3Schema 'items' must be a schema, but is an array";
  return undefined;
}

function nestedProblem(schema: JsonSchema): string | undefined {
  const { not, allOf, anyOf, oneOf, items, properties } = schema;
  const junctors =
    not || allOf || anyOf || oneOf ? [...(not ? [not] : []), ...(allOf ?? []), ...(anyOf ?? []), ...(oneOf ?? [])] : [];
  for (const each of junctors) {
    const problem = formProblem(each);
    if (problem !== undefined) return problem;
  }
  const item = items !== undefined && !isList(items) ? formProblem(items) : undefined;
  if (item !== undefined) return item;
  for (const name in properties) {
    const problem = formProblem(properties[name] as JsonSchema);
    if (problem !== undefined) return problem;
  }
  const additional = additionalOf(schema);
  return additional && formProblem(additional);
}

function unsupported(schema: JsonSchema): string | undefined {
  const { id, $schema, $ref, patternProperties, dependencies, additionalItems, definitions } = schema;
  const field =
    (id && 'id') ||
    ($schema && 'schema') ||
    ($ref && '$ref') ||
    (isFilled(patternProperties) && 'patternProperties') ||
    (isFilled(dependencies) && 'dependencies') ||
    (additionalItems !== undefined && 'additionalItems') ||
    (isFilled(definitions) && 'definitions');
  return field ? `OpenAPIV3Schema '${field}' is not supported` : undefined;
}

function isFilled(map: object | undefined): boolean {
  return map !== undefined && Object.keys(map).length > 0;
}
