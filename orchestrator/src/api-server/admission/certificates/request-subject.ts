/** 2.5.4.10 and 2.5.4.3, as DER has them. */
const organizationOid = Buffer.from([0x55, 0x04, 0x0a]);
const commonNameOid = Buffer.from([0x55, 0x04, 0x03]);
const [sequence, set, oid] = [0x30, 0x31, 0x06] as const;

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** The organizations a PEM certificate request asks for (RFC 2986, X.690). @throws RangeError – it is none. */
export function organizationsOf(pem: string): string[] {
  return subjectOf(pem, organizationOid);
}

/** The common name a PEM certificate request asks for; empty where it asks for none. @throws RangeError – it is none. */
export function commonNameOf(pem: string): string {
  return subjectOf(pem, commonNameOid).at(-1) ?? '';
}

function subjectOf(pem: string, wanted: Buffer): string[] {
  const body = /-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----([\s\S]+?)-----END/.exec(pem)?.[1];
  if (body === undefined) throw new RangeError('PEM block type must be CERTIFICATE REQUEST');
  const [request] = elements(Buffer.from(body, 'base64'), sequence);
  const [info] = elements(contentOf(request, sequence));
  // The version comes first, then the subject.
  const subject = elements(contentOf(info, sequence))[1];
  return elements(contentOf(subject, sequence), set).flatMap(({ content }) =>
    elements(content, sequence).flatMap((attribute) => {
      const [type, value] = elements(attribute.content);
      return type?.tag === oid && type.content.equals(wanted) && value ? [value.content.toString()] : [];
    }),
  );
}

function contentOf(element: Element | undefined, tag: number): Buffer {
  if (element?.tag !== tag) throw new RangeError('asn1: structure error');
  return element.content;
}

/** What stands one after the other; the first must be a `tag`, where one is given. */
function elements(bytes: Buffer, tag?: number): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { length, start } = lengthAt(bytes, at + 1);
    const end = start + length;
    if (end > bytes.length) throw new RangeError('asn1: syntax error: data truncated');
    found.push({ tag: bytes[at] as number, content: bytes.subarray(start, end) });
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
