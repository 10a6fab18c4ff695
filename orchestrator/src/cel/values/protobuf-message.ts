import type { Native, ProtobufMessage } from '../language/protobuf-types.ts';
import { CelError, integerOverflow, timestampOverflow, unsignedOverflow } from './cel-error.ts';
import { ArrayList, isList } from './cel-list.ts';
import { EntryMap, isMap } from './cel-map.ts';
import { Duration } from './duration.ts';
import { ObjectLiteral } from './object-literal.ts';
import { Optional } from './optional.ts';
import { Timestamp, timestampAt } from './timestamp.ts';
import { isOpaque, typeOfValue } from './type-of-value.ts';
import { Uint } from './uint.ts';
import { maxInt, minInt, type Result, type Value } from './value.ts';

/** What a message of protobuf's own is to expressions, in cel-go's words where it is nothing (pb.Db and dynamicpb). */
export function protobufValue(name: string, message: ProtobufMessage, fields: ReadonlyMap<string, Value>): Result {
  const made = new Map<string, Value>();
  for (const [field, value] of fields) {
    const at = `${name}.${field}`;
    const native = message.fields[field] as Native;
    if (native === 'map[string]*structpb.Value' ? !isMap(value) : native === '[]*structpb.Value' && !isList(value))
      return new CelError(`unsupported field type for ${at}: ${typeOfValue(value).declaredName}`);
    const converted = convert(value, native);
    if (converted instanceof CelError)
      return new CelError(`field type conversion error for ${at} value type: ${converted.message}`);
    made.set(field, converted);
  }
  return unwrapped(name.slice('google.protobuf.'.length), made);
}

const billion = 1_000_000_000n;

function unwrapped(name: string, fields: ReadonlyMap<string, Value>): Result {
  const nanos = () => ((fields.get('seconds') ?? 0n) as bigint) * billion + ((fields.get('nanos') ?? 0n) as bigint);
  switch (name) {
    case 'Duration':
      return new Duration(clamped(nanos()));
    case 'Timestamp':
      // Upstream goes on with years that no text can say.
      return timestampAt(nanos()) ?? timestampOverflow;
    case 'Struct':
      return fields.get('fields') ?? new EntryMap();
    case 'ListValue':
      return fields.get('values') ?? new ArrayList([]);
    case 'Value':
      return fields.has('null_value') ? null : ([...fields.values()].at(-1) ?? null);
    case 'Empty':
      return new ObjectLiteral('google.protobuf.Empty', fields);
    case 'Any':
      return new CelError(`unsupported conversion to ref.Val: (*dynamicpb.Message)${printed(fields)}`);
    default:
      return fields.get('value') ?? (defaults[name] as Value);
  }
}

/** Of the messages that hold one value. */
const defaults: Readonly<Record<string, Value>> = {
  BoolValue: false,
  BytesValue: new Uint8Array(),
  DoubleValue: 0,
  FloatValue: 0,
  Int32Value: 0n,
  Int64Value: 0n,
  StringValue: '',
  UInt32Value: new Uint(0n),
  UInt64Value: new Uint(0n),
};

/** As Go's durations, which end where an int64 does. */
function clamped(nanos: bigint): bigint {
  return nanos > maxInt ? maxInt : nanos < minInt ? minInt : nanos;
}

/** As protobuf's own texts print fields. */
function printed(fields: ReadonlyMap<string, Value>): string {
  const shown = [...fields].map(([name, value]) => {
    const text = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : String(value);
    return `${name}:${JSON.stringify(text)}`;
  });
  return shown.join(' ');
}

function convert(value: Value, native: Native): Result {
  if (value instanceof Optional)
    return value.value === undefined ? new CelError('optional.none() dereference') : convert(value.value, native);
  switch (native) {
    case 'bool':
      return typeof value === 'boolean' ? value : misfit(value, native);
    case 'string':
      return typeof value === 'string' ? value : misfit(value, native);
    case '[]uint8':
      return value instanceof Uint8Array ? value : misfit(value, native);
    case 'float32':
      return typeof value === 'number' ? Math.fround(value) : misfit(value, native);
    case 'float64':
      return typeof value === 'number' ? value : misfit(value, native);
    case 'uint32':
    case 'uint64':
      if (!(value instanceof Uint)) return misfit(value, native);
      return native === 'uint32' && value.value >= 2n ** 32n ? unsignedOverflow : value;
    case 'int32':
    case 'int64':
    case 'protoreflect.EnumNumber':
      if (typeof value !== 'bigint') return misfit(value, native);
      return native === 'int32' && BigInt.asIntN(32, value) !== value ? integerOverflow : value;
    case '*structpb.Struct':
      return isMap(value) ? jsonOf(value) : misfit(value, native);
    case '*structpb.ListValue':
      return isList(value) ? jsonOf(value) : misfit(value, native);
    default:
      return jsonOf(value);
  }
}

/** A value as JSON has it, where numbers are doubles and larger ones are texts. */
function jsonOf(value: Value): Result {
  if (value === null || typeof value === 'boolean' || typeof value === 'string' || typeof value === 'number')
    return value;
  if (typeof value === 'bigint') return jsonNumber(value);
  if (value instanceof Uint) return jsonNumber(value.value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof Timestamp) return new Timestamp(value.nanos).toString();
  if (value instanceof Duration) return value.toString();
  if (value instanceof Optional)
    return value.value === undefined ? new CelError('optional.none() dereference') : jsonOf(value.value);
  if (isList(value)) {
    const items: Value[] = [];
    for (const item of value) {
      const made = jsonOf(item);
      if (made instanceof CelError) return made;
      items.push(made);
    }
    return new ArrayList(items);
  }
  if (!isMap(value)) return misfit(value, '*structpb.Value');
  const entries: (readonly [Value, Value])[] = [];
  for (const key of value.keys()) {
    if (typeof key !== 'string') return misfit(key, 'string');
    const made = jsonOf(value.find(key) as Value);
    if (made instanceof CelError) return made;
    entries.push([key, made]);
  }
  return new EntryMap(entries);
}

function jsonNumber(value: bigint): Value {
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}

/** Each type has words of its own (ConvertToNative). */
function misfit(value: Value, native: string): CelError {
  const type = typeOfValue(value);
  switch (type.kind) {
    case 'string':
      return new CelError(`unsupported native conversion from string to '${native}'`);
    case 'int':
    case 'uint':
      return new CelError(`unsupported type conversion from '${type.kind}' to ${native}`);
    case 'type':
      return new CelError("type conversion not supported for 'type'");
    default:
      return new CelError(`type conversion error from ${sources[type.kind] ?? opaqueSource(value)} to '${native}'`);
  }
}

const sources: Readonly<Record<string, string>> = {
  bool: 'bool',
  bytes: 'Bytes',
  double: 'Double',
  duration: "'Duration'",
  list: 'list',
  map: 'map',
  null: "'null_type'",
  timestamp: "'Timestamp'",
};

function opaqueSource(value: Value): string {
  return `'${(isOpaque(value) ? value.opaque.name : typeOfValue(value).name).replace(/^.*\./, '')}'`;
}
