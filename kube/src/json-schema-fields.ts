import { DecodeError } from './go-json.ts';

/** Reads a JSON value as a JSONSchemaProps. @throws DecodeError */
type ReadSchema = (value: unknown) => Record<string, unknown>;

export const jsonSchemaName = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';

/**
 * Fields of a JSONSchemaProps whose types read themselves, schemas in them included (apiextensions v1 marshal.go), and how
 * they do so where they are not one schema. They take no note of what a schema does not know. Undefined: the field is left
 * out. @throws DecodeError
 */
export const jsonSchemaFields: ReadonlyMap<string, (value: unknown, read: ReadSchema) => unknown> = new Map([
  ['additionalItems', schemaOrBool],
  ['additionalProperties', schemaOrBool],
  ['items', schemaOrSchemas],
]);

function schemaOrBool(value: unknown): unknown {
  if (typeof value === 'boolean') return value;
  throw new DecodeError('boolean or JSON schema expected');
}

/** What is neither is nothing. */
function schemaOrSchemas(value: unknown, read: ReadSchema): unknown {
  if (!Array.isArray(value) || value.length === 0) return undefined;
  return value.map((each) => (each === null ? {} : read(each)));
}

const mismatch = /^(json: cannot unmarshal .+ into Go )(?:value|struct field \w+\.(.+))( of type .+)$/;

/** The words for what is wrong within a value that reads itself, at its `place`: the struct is the one that has the value. */
export function mismatchWithin({ message }: DecodeError, place: string): DecodeError {
  const [, before, within, after] = mismatch.exec(message) ?? [];
  if (before === undefined) return new DecodeError(message);
  return new DecodeError(`${before}struct field ${place}${within === undefined ? '' : `.${within}`}${after}`);
}
