import type { SwaggerDocument, SwaggerOperation, SwaggerSchema } from './swagger-document.ts';

/** A document as gnostic's openapi.v2.Document message, the one form old clients read (openapiv2/OpenAPIv2.proto). */
export function encodeSwagger({ swagger, info, paths, definitions }: SwaggerDocument): Uint8Array {
  return message(
    text(1, swagger),
    nested(2, message(text(1, info.title), text(2, info.version))),
    nested(8, message(...Object.entries(paths).map(([name, { patch }]) => nested(2, path(name, patch))))),
    nested(9, named(1, definitions)),
  );
}

/** NamedPathItem, of which only PATCH is filled. */
function path(name: string, patch: SwaggerOperation): Uint8Array {
  const query = (parameter: string) => message(text(2, 'query'), text(4, parameter), text(6, 'string'));
  // ParametersItem, Parameter, NonBodyParameter, QueryParameterSubSchema: each is a oneof of the one before.
  const parameters = patch.parameters.map((each) =>
    nested(8, message(nested(1, message(nested(2, message(nested(3, query(each.name)))))))),
  );
  return message(text(1, name), nested(2, message(nested(8, message(...parameters, ...extensions(13, patch))))));
}

function schema(value: SwaggerSchema): Uint8Array {
  const { $ref, description, type, format, required = [], properties, additionalProperties, items } = value;
  return message(
    ...($ref === undefined ? [] : [text(1, $ref)]),
    ...(format === undefined ? [] : [text(2, format)]),
    ...(description === undefined ? [] : [text(4, description)]),
    ...required.map((name) => text(19, name)),
    ...(additionalProperties ? [nested(21, message(nested(1, schema(additionalProperties))))] : []),
    ...(type === undefined ? [] : [nested(22, message(text(1, type)))]),
    ...(items ? [nested(23, message(nested(1, schema(items))))] : []),
    ...(properties ? [nested(25, named(1, properties))] : []),
    ...extensions(31, value),
  );
}

/** NamedSchema, repeated. */
function named(number: number, schemas: Readonly<Record<string, SwaggerSchema>>): Uint8Array {
  return message(
    ...Object.entries(schemas).map(([name, value]) => nested(number, message(text(1, name), nested(2, schema(value))))),
  );
}

/** NamedAny whose value is YAML, of which JSON is a part. */
function extensions(number: number, owner: object): Uint8Array[] {
  return Object.entries(owner)
    .filter(([name]) => name.startsWith('x-'))
    .map(([name, value]) => nested(number, message(text(1, name), nested(2, message(text(2, JSON.stringify(value)))))));
}

function message(...fields: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(fields);
}

function text(number: number, value: string): Uint8Array {
  return nested(number, Buffer.from(value));
}

/** A length-delimited field (wire type 2). */
function nested(number: number, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([varint((number << 3) | 2), varint(bytes.length), bytes]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Uint8Array.from([...bytes, rest]);
    bytes.push((rest % 128) | 128);
  }
}
