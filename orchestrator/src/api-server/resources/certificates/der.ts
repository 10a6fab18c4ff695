export const [sequence, set, oid] = [0x30, 0x31, 0x06] as const;

export interface Element {
  readonly tag: number;
  readonly content: Buffer;
  /** With its tag and length. */
  readonly raw: Buffer;
}

/** The bytes of a certificate request in PEM (RFC 7468). @throws RangeError – it is none. */
export function requestDer(pem: string): Buffer {
  const [, label, body = ''] = /-----BEGIN ([^-]*)-----([\s\S]*?)-----END \1-----/.exec(pem) ?? [];
  if (label !== 'CERTIFICATE REQUEST') throw new RangeError('PEM block type must be CERTIFICATE REQUEST');
  return Buffer.from(body, 'base64');
}

export function contentOf(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new RangeError('asn1: structure error');
  return element.content;
}

/** What stands one after the other; the first must be a `tag`, where one is given. */
export function elements(bytes: Buffer, tag?: number): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { length, start } = lengthAt(bytes, at + 1);
    const end = start + length;
    if (end > bytes.length) throw new RangeError('asn1: syntax error: data truncated');
    found.push({ tag: bytes[at] as number, content: bytes.subarray(start, end), raw: bytes.subarray(at, end) });
    at = end;
  }
  if (tag !== undefined && found.some((element) => element.tag !== tag)) throw new RangeError('asn1: structure error');
  return found;
}

function lengthAt(bytes: Buffer, at: number): { readonly length: number; readonly start: number } {
  const first = bytes[at];
  if (first === undefined) throw new RangeError('asn1: syntax error: truncated tag or length');
  if (first < 0x80) return { length: first, start: at + 1 };
  const count = first & 0x7f;
  // No request is of 4 GiB; and no length is left open in DER.
  if (count === 0 || count > 4 || at + 1 + count > bytes.length)
    throw new RangeError('asn1: syntax error: truncated tag or length');
  return { length: bytes.readUIntBE(at + 1, count), start: at + 1 + count };
}
