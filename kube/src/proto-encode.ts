import type { Integer } from '@berth/kit';
import { compareText } from './apply/compare-text.ts';
import { parseTime } from './go-json.ts';
import { messageOf, type ProtoField, type ProtoMessage, protoMessage } from './proto-table.ts';
import { WireWriter } from './wire-writer.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * Writes an object as the bytes Go's marshaller would: fields by number, entries of maps by key, what Go holds by value
 * though it is empty. The object has the forms that `decodeObject` gives.
 */
export function encodeMessage(index: number, value: Json): Uint8Array {
  const writer = new WireWriter();
  writeFields(index, value, writer);
  return writer.finish();
}

/** One field of a message alone: messages of one kind that follow each other are one. */
export function encodeField(index: number, name: string, value: unknown): Uint8Array {
  const writer = new WireWriter();
  const field = fieldsOf(index).find((each) => each.name === name);
  if (field) writeField(field, { [name]: value }, writer);
  return writer.finish();
}

const descending = new WeakMap<ProtoMessage, readonly ProtoField[]>();

function fieldsOf(index: number): readonly ProtoField[] {
  const message = protoMessage(index);
  let fields = descending.get(message);
  if (!fields) {
    fields = [...message.values()].sort((a, b) => b.id - a.id);
    descending.set(message, fields);
  }
  return fields;
}

function writeFields(index: number, from: Json, writer: WireWriter): void {
  for (const field of fieldsOf(index)) writeField(field, from, writer);
}

function writeField(field: ProtoField, from: Json, writer: WireWriter): void {
  const { id, name, many, code } = field;
  if (name === '') writeEmbedded(field, from, writer);
  else if (many === '*') {
    const items = (from[name] ?? []) as readonly unknown[];
    for (let i = items.length - 1; i >= 0; i--) writeValue(id, code, items[i], writer);
  } else if (many === '%') writeEntries(field, (from[name] ?? {}) as Json, writer);
  else if (isThere(from[name]) || field.always) writeValue(id, code, from[name], writer);
}

/** Null is how JSON has what is not there. */
function isThere(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** An embedded pointer is there when one of its fields is. */
function writeEmbedded({ id, code, always }: ProtoField, from: Json, writer: WireWriter): void {
  const index = messageOf(code);
  if (always || fieldsOf(index).some(({ name }) => isThere(from[name]))) writeValue(id, code, from, writer);
}

function writeEntries({ id, code }: ProtoField, entries: Json, writer: WireWriter): void {
  for (const key of Object.keys(entries).sort(compareText).reverse()) {
    const mark = writer.length;
    writeValue(2, code, entries[key], writer);
    writer.text(key);
    writer.tag(1, 2);
    writer.message(mark);
    writer.tag(id, 2);
  }
}

/** Undefined and null are the zero value. */
function writeValue(id: number, code: string, value: unknown, writer: WireWriter): void {
  switch (code) {
    case 's':
      writer.text((value ?? '') as string);
      return writer.tag(id, 2);
    case 'b':
      writer.varint(value === true ? 1 : 0);
      return writer.tag(id, 0);
    case 'i':
      writer.varint((value ?? 0) as Integer);
      return writer.tag(id, 0);
    case 'd':
      writer.double((value ?? 0) as number);
      return writer.tag(id, 1);
    case 'y':
      writer.bytes(Buffer.from((value ?? '') as string, 'base64'));
      return writer.tag(id, 2);
    default: {
      const mark = writer.length;
      writeContent(code, value, writer);
      writer.message(mark);
      return writer.tag(id, 2);
    }
  }
}

/** What stands inside a length-delimited message. */
function writeContent(code: string, value: unknown, writer: WireWriter): void {
  const at = code.indexOf('@');
  if (at === 0) writeFields(messageOf(code), (value ?? {}) as Json, writer);
  else if (at > 0) writeChoice(code, value, writer);
  else if (code === 'L') {
    const items = (value ?? []) as readonly string[];
    for (let i = items.length - 1; i >= 0; i--) writeValue(1, 's', items[i], writer);
  } else if (code === 'Q') writeValue(1, 's', value ?? '0', writer);
  else if (code === 'I') writeIntOrString(value, writer);
  else if (code === 'R') {
    if (value !== undefined && value !== null) writeValue(1, 's', JSON.stringify(value), writer);
  } else writeTime(value, writer);
}

/** A schema, or what stands in its place: a list of schemas (A), a bool (B), a list of strings (C). */
function writeChoice(code: string, value: unknown, writer: WireWriter): void {
  const schema = code.slice(1);
  if (Array.isArray(value)) {
    const item = code.startsWith('C') ? 's' : schema;
    for (let i = value.length - 1; i >= 0; i--) writeValue(2, item, value[i], writer);
  } else if (code.startsWith('B')) {
    if (typeof value === 'object' && value !== null) writeValue(2, schema, value, writer);
    writeValue(1, 'b', value !== false && value !== undefined && value !== null, writer);
  } else if (value !== undefined && value !== null) writeValue(1, schema, value, writer);
}

function writeIntOrString(value: unknown, writer: WireWriter): void {
  const text = typeof value === 'string';
  writeValue(3, 's', text ? value : '', writer);
  writeValue(2, 'i', text ? 0 : value, writer);
  writeValue(1, 'i', text ? 1 : 0, writer);
}

/** A zero time is an empty message. */
function writeTime(value: unknown, writer: WireWriter): void {
  if (typeof value !== 'string') return;
  const { epochMs, micros } = parseTime(value);
  writeValue(2, 'i', micros * 1000, writer);
  writeValue(1, 'i', Math.floor(epochMs / 1000), writer);
}
