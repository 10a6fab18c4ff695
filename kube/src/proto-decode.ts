import { protoTableJson } from './gen/proto-table.ts';
import { DecodeError } from './go-json.ts';
import { setOwn } from './json-value.ts';
import { type ReadBudget, WireReader } from './wire-reader.ts';

interface Field {
  /** Empty where the message is embedded: its fields are the parent's. */
  readonly name: string;
  readonly many: '' | '*' | '%';
  /** A letter as scripts/gen/kube-proto.ts gives it; `@` and a number is a message. */
  readonly code: string;
}

type Message = ReadonlyMap<number, Field>;
type Json = Record<string, unknown>;

/** Messages cannot nest deeper than the types do, but CRD-like recursion is bounded anyway. */
const maxDepth = 200;

/** Reads protobuf messages of the built-in kinds as the JSON they stand for. */
export class ProtoTable {
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #rows: readonly Readonly<Record<string, string>>[];
  readonly #messages = new Map<number, Message>();

  constructor() {
    const { names, rows } = JSON.parse(protoTableJson) as { names: string[]; rows: Record<string, string>[] };
    this.#indexes = new Map(names.map((name, i) => [name, i]));
    this.#rows = rows;
  }

  has(name: string): boolean {
    return this.#indexes.has(name);
  }

  /** @throws DecodeError – the bytes are no such message */
  decode(name: string, bytes: Uint8Array, budget?: ReadBudget): Json {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new DecodeError(`no protobuf message for ${name}`);
    const target: Json = {};
    this.#read(index, new WireReader(bytes, budget), target, 0);
    return target;
  }

  #read(index: number, reader: WireReader, target: Json, depth: number): void {
    if (depth > maxDepth) throw new DecodeError('exceeded max depth');
    const message = this.#message(index);
    while (!reader.atEnd) {
      const { id, wire } = reader.tag();
      const field = message.get(id);
      if (!field || !fits(field, wire)) reader.ignore(wire);
      else if (field.name === '') this.#read(Number(field.code.slice(1)), within(reader), target, depth + 1);
      else this.#add(field, wire, reader, target, depth);
    }
  }

  #add({ name, many, code }: Field, wire: number, reader: WireReader, target: Json, depth: number): void {
    if (many === '%') {
      target[name] ??= {};
      this.#entry(code, within(reader), target[name] as Json, depth);
    } else if (many === '*') {
      target[name] ??= [];
      const list = target[name] as unknown[];
      if (code === 'i' && wire === 2) {
        const packed = within(reader);
        for (; !packed.atEnd; packed.spend()) list.push(packed.integer());
      } else list.push(this.#value(code, reader, depth));
    } else {
      const value = this.#value(code, reader, depth);
      if (value !== undefined) target[name] = value;
    }
  }

  #entry(code: string, reader: WireReader, target: Json, depth: number): void {
    let key = '';
    let value: unknown;
    while (!reader.atEnd) {
      const { id, wire } = reader.tag();
      if (id === 1 && wire === 2) key = reader.text();
      else if (id === 2 && fits({ code }, wire)) value = this.#value(code, reader, depth);
      else reader.ignore(wire);
    }
    setOwn(target, key, value ?? null);
  }

  /** Undefined for what Go's JSON leaves out: a zero time. */
  #value(code: string, reader: WireReader, depth: number): unknown {
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
        if (!code.startsWith('@')) return special(code, reader.bytes());
        const result: Json = {};
        this.#read(Number(code.slice(1)), within(reader), result, depth + 1);
        return result;
      }
    }
  }

  #message(index: number): Message {
    let message = this.#messages.get(index);
    if (!message) {
      message = new Map(Object.entries(this.#rows[index] ?? {}).map(([id, text]) => [Number(id), parseField(text)]));
      this.#messages.set(index, message);
    }
    return message;
  }
}

/** A reader of the message that comes next. */
function within(reader: WireReader): WireReader {
  return new WireReader(reader.bytes(), reader.budget);
}

function parseField(text: string): Field {
  const [, name, many, code] = /^(.*)=([*%]?)(.+)$/.exec(text) as unknown as [string, string, Field['many'], string];
  return { name, many, code };
}

function fits({ code, many }: { code: string; many?: string }, wire: number): boolean {
  if (many === '%') return wire === 2;
  if (code === 'i') return wire === 0 || (many === '*' && wire === 2);
  if (code === 'b') return wire === 0;
  return wire === (code === 'd' ? 1 : 2);
}

/** The fields of a small message by number: integers as bigint, the rest as bytes. */
function small(bytes: Uint8Array): { number: (id: number) => bigint; bytes: (id: number) => Buffer } {
  const reader = new WireReader(bytes);
  const numbers = new Map<number, bigint>();
  const chunks = new Map<number, Buffer>();
  while (!reader.atEnd) {
    const { id, wire } = reader.tag();
    if (wire === 0) numbers.set(id, BigInt.asIntN(64, reader.varint()));
    else if (wire === 2) chunks.set(id, Buffer.from(reader.bytes()));
    else reader.ignore(wire);
  }
  return { number: (id) => numbers.get(id) ?? 0n, bytes: (id) => chunks.get(id) ?? Buffer.alloc(0) };
}

function special(code: string, bytes: Uint8Array): unknown {
  const message = small(bytes);
  switch (code) {
    case 'T':
    case 'U':
      return timeText(message.number(1), message.number(2), code === 'U');
    case 'Q':
      return message.bytes(1).toString() || '0';
    case 'I':
      return message.number(1) === 1n ? message.bytes(3).toString() : Number(message.number(2));
    case 'L':
      return stringList(bytes);
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
    const { id, wire } = reader.tag();
    if (id === 1 && wire === 2) list.push(reader.text());
    else reader.ignore(wire);
  }
  return list;
}

function jsonOf(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch (error) {
    throw new DecodeError(`raw extension is no JSON: ${(error as Error).message}`);
  }
}
