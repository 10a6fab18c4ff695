import { message, nested, text } from '../protobuf-fields.ts';
import type { SwaggerDocument, SwaggerHead, SwaggerOperation, SwaggerSchema } from './swagger-document.ts';

/** A document as gnostic's openapi.v2.Document message, the one form old clients read (openapiv2/OpenAPIv2.proto). */
export function encodeSwagger({ definitions, ...head }: SwaggerDocument): Uint8Array {
  return message(encodeSwaggerHead(head), nested(9, named(1, definitions)));
}

/** The same without its definitions, to be followed by those (see {@link encodeDefinitions}). */
export function encodeSwaggerHead({ swagger, info, paths }: SwaggerHead): Uint8Array {
  return message(
    text(1, swagger),
    nested(2, message(text(1, info.title), text(2, info.version))),
    nested(8, message(...Object.entries(paths).map(([name, { patch }]) => nested(2, path(name, patch))))),
  );
}

/** Definitions, one by one: a repeated field may come in several parts, and so may the message around it (protobuf encoding). */
export function* encodeDefinitions(
  definitions: Iterable<readonly [name: string, schema: SwaggerSchema]>,
): Generator<Uint8Array> {
  for (const [name, schema] of definitions) yield nested(9, named(1, { [name]: schema }));
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
    // Any, whose value is YAML.
    ...(value.enum ?? []).map((one) => nested(20, message(text(2, JSON.stringify(one))))),
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
