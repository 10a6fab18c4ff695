/** A document as stored bytes with a text to be put in: what is sent is copied once, whatever it becomes part of. */
export interface Splice {
  readonly bytes: Uint8Array;
  /** Where the document begins in `bytes`; its first byte is written as `{`. */
  readonly from: number;
  /** Where `text` goes. */
  readonly at: number;
  /** ASCII. */
  readonly text: string;
}

const openBrace = 0x7b;
const comma = 0x2c;

/** A document that is whole already. */
export function wholeSplice(bytes: Uint8Array): Splice {
  return { bytes, from: 0, at: bytes.length, text: '' };
}

export function splicedBytes(splice: Splice): Uint8Array {
  const target = Buffer.allocUnsafe(sizeOf(splice));
  write(target, 0, splice);
  return target;
}

/** The documents with commas between them, after `head` and before `tail`. */
export function joinedSplices(head: string, splices: readonly Splice[], tail: string): Uint8Array {
  let size = Buffer.byteLength(head) + tail.length + Math.max(0, splices.length - 1);
  for (const splice of splices) size += sizeOf(splice);
  const target = Buffer.allocUnsafe(size);
  let end = target.write(head);
  for (const [i, splice] of splices.entries()) {
    if (i > 0) target[end++] = comma;
    end = write(target, end, splice);
  }
  target.write(tail, end, 'latin1');
  return target;
}

/** Of the document that it makes. */
export function sizeOf({ bytes, from, text }: Splice): number {
  return bytes.length - from + text.length;
}

/** @returns where it ends. */
function write(target: Buffer, start: number, { bytes, from, at, text }: Splice): number {
  const source = bytes as Buffer;
  const copy = Buffer.prototype.copy;
  let end = start + copy.call(source, target, start, from, at);
  if (text !== '') {
    target[start] = openBrace;
    end += target.write(text, end, 'latin1');
    end += copy.call(source, target, end, at);
  }
  return end;
}
