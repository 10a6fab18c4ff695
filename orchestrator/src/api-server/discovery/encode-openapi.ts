import { double, message, nested, text, varint } from '../protobuf-fields.ts';
import { firstOfName } from './made-document.ts';

type Json = Readonly<Record<string, unknown>>;
type Write = (value: never) => Uint8Array;
/** What is written of an object, by the names of its members. */
type Message = Readonly<Record<string, Write>>;

const nothing = new Uint8Array();

// Fields, by their numbers. What is false, empty or 0 is not written, but where that is one of several possible things.
const string = (id: number) => (value: string) => (value === '' ? nothing : text(id, value));
const flag = (id: number) => (value: boolean) => (value ? varint(id, 1) : nothing);
const integer = (id: number) => (value: number | bigint) => (value ? varint(id, Number(value)) : nothing);
const number = (id: number) => (value: number | bigint) => (value ? double(id, Number(value)) : nothing);
/** Any value: as YAML, of which JSON is a part. */
const any = (id: number) => (value: unknown) => nested(id, text(2, JSON.stringify(value)));
const each =
  <T>(write: (value: T) => Uint8Array) =>
  (values: readonly T[]) =>
    message(...values.map(write));
const one =
  <T>(id: number, content: (value: T) => Uint8Array) =>
  (value: T) =>
    nested(id, content(value));
/** A map, as repeated names with values. */
const named =
  <T>(content: (value: T) => Uint8Array, id = 1) =>
  (map: Readonly<Record<string, T>>) =>
    message(...Object.entries(map).map(([name, value]) => pair(id, name, content(value))));

function pair(id: number, name: string, content: Uint8Array): Uint8Array {
  return nested(id, message(text(1, name), nested(2, content)));
}

/** Extensions are all that begins with `x-`; what else is not known is not told. */
function written(fields: Message, extensions: number, value: Json): Uint8Array {
  const parts = Object.entries(value).map(([name, member]) => {
    const write = fields[name] as ((member: unknown) => Uint8Array) | undefined;
    if (write) return member === undefined || member === null ? nothing : write(member);
    return name.startsWith('x-') ? pair(extensions, name, text(2, JSON.stringify(member))) : nothing;
  });
  return message(...parts);
}

/** A Reference where the value has a `$ref`, else what it is: gnostic's …OrReference messages. */
const orReference =
  (content: (value: Json) => Uint8Array) =>
  (value: Json): Uint8Array =>
    typeof value['$ref'] === 'string' ? nested(2, text(1, value['$ref'])) : nested(1, content(value));

const schemaOrReference = orReference((value) => written(schemaFields, 36, value));

/** DefaultType has no objects and lists. */
function defaultType(value: unknown): Uint8Array {
  if (typeof value === 'number' || typeof value === 'bigint') return nested(33, double(1, Number(value)));
  if (typeof value === 'boolean') return nested(33, varint(2, value ? 1 : 0));
  return typeof value === 'string' ? nested(33, text(3, value)) : nothing;
}

const schemaFields: Message = {
  nullable: flag(1),
  readOnly: flag(3),
  writeOnly: flag(4),
  externalDocs: one(6, (value: Json) => written({ description: string(1), url: string(2) }, 3, value)),
  example: any(7),
  deprecated: flag(8),
  title: string(9),
  multipleOf: number(10),
  maximum: number(11),
  exclusiveMaximum: flag(12),
  minimum: number(13),
  exclusiveMinimum: flag(14),
  maxLength: integer(15),
  minLength: integer(16),
  pattern: string(17),
  maxItems: integer(18),
  minItems: integer(19),
  uniqueItems: flag(20),
  maxProperties: integer(21),
  minProperties: integer(22),
  required: each((value: string) => text(23, value)),
  enum: each(any(24)),
  type: string(25),
  allOf: each(one(26, schemaOrReference)),
  oneOf: each(one(27, schemaOrReference)),
  anyOf: each(one(28, schemaOrReference)),
  not: one(29, (value: Json) => written(schemaFields, 36, value)),
  items: one(30, one(1, schemaOrReference)),
  properties: one(31, named(schemaOrReference)),
  additionalProperties: (value: boolean | Json) =>
    nested(32, typeof value === 'boolean' ? varint(2, value ? 1 : 0) : nested(1, schemaOrReference(value))),
  default: defaultType,
  description: string(34),
  format: string(35),
};

const mediaTypes = named((value: Json) => written({ schema: one(1, schemaOrReference) }, 5, value));
const parameter = orReference((value) =>
  written(
    { name: string(1), in: string(2), description: string(3), required: flag(4), schema: one(10, schemaOrReference) },
    14,
    value,
  ),
);
const requestBody = orReference((value) =>
  written({ description: string(1), content: one(2, mediaTypes), required: flag(3) }, 4, value),
);
const response = orReference((value) => written({ description: string(1), content: one(3, mediaTypes) }, 5, value));

const operationFields: Message = {
  tags: each((value: string) => text(1, value)),
  description: string(3),
  operationId: string(5),
  parameters: each(one(6, parameter)),
  requestBody: one(7, requestBody),
  responses: one(8, named(response, 2)),
};
const operation = (value: Json) => written(operationFields, 13, value);

const pathFields: Message = {
  get: one(4, operation),
  put: one(5, operation),
  post: one(6, operation),
  delete: one(7, operation),
  options: one(8, operation),
  head: one(9, operation),
  patch: one(10, operation),
  parameters: each(one(13, parameter)),
};

const securityScheme = orReference((value) =>
  written({ type: string(1), description: string(2), name: string(3), in: string(4) }, 9, value),
);

/** What a document of OpenAPI v3 has, each thing when it is wanted. */
export interface OpenApiParts {
  readonly info: { readonly title: string; readonly version: string };
  readonly paths: Iterable<readonly [path: string, item: Json]>;
  readonly schemas?: Iterable<readonly [name: string, schema: Json]>;
  readonly securitySchemes?: Readonly<Record<string, Json>>;
}

/**
 * A document as gnostic's openapi.v3.Document message (openapiv3/OpenAPIv3.proto), in parts: of a message that comes several
 * times the parts count together. Of two members of one name the first counts.
 */
export function* encodeOpenApi({ info, paths, schemas, securitySchemes }: OpenApiParts): Generator<Uint8Array> {
  yield message(text(1, '3.0.0'), nested(2, message(text(1, info.title), text(6, info.version))));
  for (const [path, item] of firstOfName(paths)) yield nested(4, pair(1, path, written(pathFields, 14, item)));
  for (const [name, schema] of firstOfName(schemas ?? []))
    yield nested(5, nested(1, pair(1, name, schemaOrReference(schema))));
  if (securitySchemes) yield nested(5, nested(7, named(securityScheme)(securitySchemes)));
}
