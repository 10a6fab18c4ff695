import { decodeObject } from './decode.ts';
import { DecodeError } from './go-json.ts';
import { isRecord, setOwn } from './json-value.ts';
import { parseExact } from './parse-json.ts';
import { goFieldName } from './proto-go-name.ts';
import { definitionOf, messageIndex, messageOf, type ProtoField, protoMessage } from './proto-table.ts';
import { schemas } from './schema.ts';
import { type ReadBudget, WireReader, wrongWireType } from './wire-reader.ts';

type Json = Record<string, unknown>;

/** Messages cannot nest deeper than the types do, but CRD-like recursion is bounded anyway. */
const maxDepth = 200;

/**
 * Reads a protobuf message of the built-in kinds as the JSON it stands for.
 * @throws DecodeError – the bytes are no such message; ApiError RequestEntityTooLarge – the budget is spent.
 */
export function decodeMessage(name: string, bytes: Uint8Array, budget?: ReadBudget): Json {
  const index = messageIndex(name);
  if (index === undefined) throw new DecodeError(`no protobuf message for ${name}`);
  const target: Json = {};
  readMessage(index, new WireReader(bytes, budget), target, 0);
  return target;
}

function readMessage(index: number, reader: WireReader, target: Json, depth: number): void {
  if (depth > maxDepth) throw new DecodeError('exceeded max depth');
  const message = protoMessage(index);
  const definition = definitionOf(index);
  const own = lastWord(definition);
  while (!reader.atEnd) {
    const { id, wire } = reader.field(own);
    const field = message.get(id);
    if (!field) reader.ignore(wire);
    else if (!fits(field, wire)) throw wrongWireType(wire, goNameOf(field, definition));
    else if (field.name === '') readMessage(messageOf(field.code), within(reader), target, depth + 1);
    else readField(field, wire, { reader, target, depth });
  }
}

function goNameOf({ name, code }: ProtoField, definition: string): string {
  return name === '' ? lastWord(definitionOf(messageOf(code))) : goFieldName(name, definition);
}

function lastWord(definition: string): string {
  return definition.slice(definition.lastIndexOf('.') + 1);
}

interface Place {
  readonly reader: WireReader;
  readonly target: Json;
  readonly depth: number;
}

function readField({ name, many, code }: ProtoField, wire: number, { reader, target, depth }: Place): void {
  if (many === '%') {
    target[name] ??= {};
    readEntry(code, { reader: within(reader), target: target[name] as Json, depth });
  } else if (many === '*') {
    target[name] ??= [];
    const list = target[name] as unknown[];
    if (code === 'i' && wire === 2) {
      const packed = within(reader);
      for (; !packed.atEnd; packed.spend()) list.push(packed.integer());
    } else list.push(readValue(code, reader, depth) ?? null);
  } else if (code.startsWith('@')) {
    // One that is given again is read into what is there.
    const message = isRecord(target[name]) ? target[name] : {};
    readMessage(messageOf(code), within(reader), message, depth + 1);
    target[name] = message;
  } else {
    const value = readValue(code, reader, depth);
    if (value !== undefined) target[name] = value;
  }
}

function readEntry(code: string, { reader, target, depth }: Place): void {
  let key = '';
  let value: unknown;
  while (!reader.atEnd) {
    const { id, wire } = reader.tag();
    // Go looks at the wire type of neither.
    if (id === 1) key = reader.text();
    else if (id === 2) value = readValue(code, reader, depth);
    else reader.ignore(wire);
  }
  setOwn(target, key, value ?? null);
}

/** Undefined for what Go's JSON leaves out: a zero time. */
function readValue(code: string, reader: WireReader, depth: number): unknown {
  switch (code) {
    case 's':
      return reader.text();
    case 'b':
      return reader.varint() !== 0n;
    case 'i':
      return reader.integer();
    case 'd':
      return reader.double();
    case 'y':
      return Buffer.from(reader.bytes()).toString('base64');
    default: {
      const at = code.indexOf('@');
      if (at < 0) return special(code, reader.bytes());
      if (at > 0) return readChoice(code, within(reader), depth + 1);
      const result: Json = {};
      readMessage(messageOf(code), within(reader), result, depth + 1);
      return result;
    }
  }
}

/** A schema, or what stands in its place: a list of schemas (A), a bool (B), a list of strings (C). */
function readChoice(code: string, reader: WireReader, depth: number): unknown {
  let schema: Json | undefined;
  let allowed = false;
  const list: unknown[] = [];
  const schemaId = code.startsWith('B') ? 2 : 1;
  while (!reader.atEnd) {
    const { id, wire } = reader.tag();
    if (id > 2 || wire !== (code.startsWith('B') && id === 1 ? 0 : 2)) reader.ignore(wire);
    else if (wire === 0) allowed = reader.varint() !== 0n;
    else if (id === 2 && code.startsWith('C')) list.push(reader.text());
    else {
      const read = readSchema(messageOf(code), within(reader), depth);
      if (id === schemaId) schema = read;
      else list.push(read);
    }
  }
  if (list.length > 0) return list;
  return schema ?? (code.startsWith('B') ? allowed : undefined);
}

/** Without what Go omits: whoever reads the result as its kind takes what stands here as it is. */
function readSchema(index: number, reader: WireReader, depth: number): Json {
  const read: Json = {};
  readMessage(index, reader, read, depth);
  return decodeObject(schemas.get(definitionOf(index)), read).object;
}

/** A reader of the message that comes next. */
function within(reader: WireReader): WireReader {
  return new WireReader(reader.bytes(), reader.budget);
}

function fits({ code, many }: { readonly code: string; readonly many?: string }, wire: number): boolean {
  if (many === '%') return wire === 2;
  if (code === 'i') return wire === 0 || (many === '*' && wire === 2);
  if (code === 'b') return wire === 0;
  return wire === (code === 'd' ? 1 : 2);
}

/** A small message as Go has it: its fields in order, those in `numbers` integers and the rest bytes. */
interface SmallMessage {
  readonly name: string;
  readonly fields: readonly string[];
  readonly numbers: number;
}

const timestamp = { name: 'Timestamp', fields: ['Seconds', 'Nanos'], numbers: 2 };
const raw = { name: 'RawExtension', fields: ['Raw'], numbers: 0 };
const smallMessages: Readonly<Record<string, SmallMessage>> = {
  T: timestamp,
  U: timestamp,
  Q: { name: 'Quantity', fields: ['String_'], numbers: 0 },
  I: { name: 'IntOrString', fields: ['Type', 'IntVal', 'StrVal'], numbers: 2 },
};

function small(code: string, bytes: Uint8Array): { number: (id: number) => bigint; bytes: (id: number) => Buffer } {
  const { name, fields, numbers } = smallMessages[code] ?? raw;
  const reader = new WireReader(bytes);
  const integers = new Map<number, bigint>();
  const chunks = new Map<number, Buffer>();
  while (!reader.atEnd) {
    const { id, wire } = reader.field(name);
    if (id > fields.length) reader.ignore(wire);
    else if (wire !== (id > numbers ? 2 : 0)) throw wrongWireType(wire, fields[id - 1] as string);
    else if (wire === 0) integers.set(id, BigInt.asIntN(64, reader.varint()));
    else chunks.set(id, Buffer.from(reader.bytes()));
  }
  return { number: (id) => integers.get(id) ?? 0n, bytes: (id) => chunks.get(id) ?? Buffer.alloc(0) };
}

function special(code: string, bytes: Uint8Array): unknown {
  if (code === 'L') return stringList(bytes);
  const message = small(code, bytes);
  switch (code) {
    case 'T':
    case 'U':
      return timeText(message.number(1), message.number(2), code === 'U');
    case 'Q':
      return message.bytes(1).toString() || '0';
    case 'I':
      return message.number(1) === 1n ? message.bytes(3).toString() : Number(message.number(2));
    default:
      return jsonOf(message.bytes(1));
  }
}

function timeText(seconds: bigint, nanos: bigint, micro: boolean): string | undefined {
  if (seconds === 0n && nanos === 0n) return undefined;
  const time = new Date(Number(seconds) * 1000);
  if (Number.isNaN(time.getTime())) throw new DecodeError('time out of range');
  const text = time.toISOString().slice(0, 19);
  return micro ? `${text}.${String(nanos / 1000n).padStart(6, '0')}Z` : `${text}Z`;
}

function stringList(bytes: Uint8Array): string[] {
  const reader = new WireReader(bytes);
  const list: string[] = [];
  while (!reader.atEnd) {
    const { id, wire } = reader.field('ExtraValue');
    if (id !== 1) reader.ignore(wire);
    else if (wire !== 2) throw wrongWireType(wire, 'Items');
    else list.push(reader.text());
  }
  return list;
}

function jsonOf(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return parseExact(bytes.toString('utf8'));
  } catch (error) {
    throw new DecodeError(`raw extension is no JSON: ${(error as Error).message}`);
  }
}
