import {
  anyType,
  boolType,
  bytesType,
  type CelType,
  doubleType,
  durationType,
  dynType,
  intType,
  listOf,
  mapOf,
  nullableOf,
  objectType,
  stringType,
  timestampType,
  uintType,
} from './cel-type.ts';

/** What Go makes of a field's value, by the name that its errors say. */
export type Native = keyof typeof natives;

const natives = {
  bool: boolType,
  int32: intType,
  int64: intType,
  uint32: uintType,
  uint64: uintType,
  float32: doubleType,
  float64: doubleType,
  string: stringType,
  '[]uint8': bytesType,
  'protoreflect.EnumNumber': intType,
  '*structpb.Struct': mapOf(stringType, dynType),
  '*structpb.ListValue': listOf(dynType),
  'map[string]*structpb.Value': mapOf(stringType, dynType),
  '[]*structpb.Value': listOf(dynType),
} as const satisfies Readonly<Record<string, CelType>>;

export interface ProtobufMessage {
  /** What it is to expressions. */
  readonly type: CelType;
  readonly fields: Readonly<Record<string, Native>>;
  /** Its name alone is a value, too. */
  readonly isNamed?: true;
}

const time = { seconds: 'int64', nanos: 'int32' } as const;

/** Protobuf's own messages, which expressions can write as `google.protobuf.Int64Value{value: 1}` (cel-go common/types/pb and checker's well-known types). */
export const protobufMessages: ReadonlyMap<string, ProtobufMessage> = new Map<string, ProtobufMessage>([
  ['google.protobuf.BoolValue', { type: nullableOf(boolType), fields: { value: 'bool' } }],
  ['google.protobuf.BytesValue', { type: nullableOf(bytesType), fields: { value: '[]uint8' } }],
  ['google.protobuf.DoubleValue', { type: nullableOf(doubleType), fields: { value: 'float64' } }],
  ['google.protobuf.FloatValue', { type: nullableOf(doubleType), fields: { value: 'float32' } }],
  ['google.protobuf.Int32Value', { type: nullableOf(intType), fields: { value: 'int32' } }],
  ['google.protobuf.Int64Value', { type: nullableOf(intType), fields: { value: 'int64' } }],
  ['google.protobuf.StringValue', { type: nullableOf(stringType), fields: { value: 'string' } }],
  ['google.protobuf.UInt32Value', { type: nullableOf(uintType), fields: { value: 'uint32' } }],
  ['google.protobuf.UInt64Value', { type: nullableOf(uintType), fields: { value: 'uint64' } }],
  ['google.protobuf.Duration', { type: durationType, fields: time, isNamed: true }],
  ['google.protobuf.Timestamp', { type: timestampType, fields: time, isNamed: true }],
  ['google.protobuf.Struct', { type: mapOf(stringType, dynType), fields: { fields: 'map[string]*structpb.Value' } }],
  ['google.protobuf.ListValue', { type: listOf(dynType), fields: { values: '[]*structpb.Value' } }],
  [
    'google.protobuf.Value',
    {
      type: dynType,
      fields: {
        null_value: 'protoreflect.EnumNumber',
        number_value: 'float64',
        string_value: 'string',
        bool_value: 'bool',
        struct_value: '*structpb.Struct',
        list_value: '*structpb.ListValue',
      },
    },
  ],
  ['google.protobuf.Any', { type: anyType, fields: { type_url: 'string', value: '[]uint8' } }],
  ['google.protobuf.Empty', { type: objectType('google.protobuf.Empty'), fields: {}, isNamed: true }],
]);

export function protobufField(message: ProtobufMessage, field: string): CelType | undefined {
  const native = Object.hasOwn(message.fields, field) ? message.fields[field] : undefined;
  return native && natives[native];
}

/** The one number of protobuf's own that has a name. */
export const protobufNull = 'google.protobuf.NullValue.NULL_VALUE';
