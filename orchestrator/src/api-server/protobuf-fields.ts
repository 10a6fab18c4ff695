/** Fields one after the other. */
export function message(...fields: Uint8Array[]): Uint8Array {
  return fields.length === 1 ? (fields[0] as Uint8Array) : Buffer.concat(fields);
}

export function text(number: number, value: string): Uint8Array {
  const { field, start } = lengthDelimited(number, Buffer.byteLength(value));
  field.write(value, start);
  return field;
}

/** A message, or bytes, as a field of another. */
export function nested(number: number, bytes: Uint8Array): Uint8Array {
  const { field, start } = lengthDelimited(number, bytes.length);
  field.set(bytes, start);
  return field;
}

/** An integer that is not negative, up to 2^53. */
export function varint(number: number, value: number): Uint8Array {
  const field = Buffer.allocUnsafe(varintSize(number << 3) + varintSize(value));
  writeVarint(field, writeVarint(field, 0, number << 3), value);
  return field;
}

export function double(number: number, value: number): Uint8Array {
  const tag = (number << 3) | 1;
  const size = varintSize(tag);
  const field = Buffer.allocUnsafe(size + 8);
  writeVarint(field, 0, tag);
  field.writeDoubleLE(value, size);
  return field;
}

/** Integers in one field, as repeated ones come. */
export function varints(number: number, values: readonly number[]): Uint8Array {
  const { field, start } = lengthDelimited(
    number,
    values.reduce((size, value) => size + varintSize(value), 0),
  );
  let at = start;
  for (const value of values) at = writeVarint(field, at, value);
  return field;
}

/** A field of wire type 2 whose content is to be written at `start`. */
function lengthDelimited(number: number, length: number): { readonly field: Buffer; readonly start: number } {
  const tag = (number << 3) | 2;
  const field = Buffer.allocUnsafe(varintSize(tag) + varintSize(length) + length);
  return { field, start: writeVarint(field, writeVarint(field, 0, tag), length) };
}

function varintSize(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 128; rest = Math.floor(rest / 128)) size++;
  return size;
}

/** @returns where it ends. */
function writeVarint(target: Buffer, start: number, value: number): number {
  let at = start;
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) target[at++] = (rest % 128) | 128;
  target[at++] = rest;
  return at;
}
