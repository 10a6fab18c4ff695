import type { KubeObject } from '@berth/kube';
import { endOfString, quote } from './decoding/json-strings.ts';

/** How every value begins that we stored (see `encodeObject`), up to the brace of its metadata. */
const head = /^\{"kind":"[^"]*","apiVersion":"[^"]*","metadata":(?=\{)/;
/** No kind and group are as long. */
const headBytes = 1024;

const fields = Buffer.from('"managedFields":[');
const [bracket, brace, endBracket, endBrace] = [0x5b, 0x7b, 0x5d, 0x7d] as const;

/**
 * The metadata of a stored value without managedFields, which are as large as the object: nothing else is read.
 * Undefined: it does not begin as ours do.
 */
export function metadataOf(value: Uint8Array): NonNullable<KubeObject['metadata']> | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  const begin = head.exec(bytes.toString('latin1', 0, headBytes))?.[0].length;
  if (begin === undefined) return undefined;
  let depth = 0;
  let text = '';
  for (let i = begin, from = begin; i < bytes.length; i++) {
    const code = bytes[i];
    if (code === brace || code === bracket) depth++;
    else if (code === endBrace || code === endBracket) {
      if (--depth === 0) return JSON.parse(text + bytes.toString('utf8', from, i + 1));
    } else if (code === quote) {
      if (depth === 1 && fields.equals(bytes.subarray(i, i + fields.length))) {
        text += `${bytes.toString('utf8', from, i)}"managedFields":[]`;
        i = endOfList(bytes, i + fields.length);
        from = i + 1;
      } else i = endOfString(bytes, i + 1);
    }
  }
  return undefined;
}

/** Where the list ends whose first item is at `from`. */
function endOfList(bytes: Uint8Array, from: number): number {
  let depth = 1;
  for (let i = from; i < bytes.length; i++) {
    const code = bytes[i];
    if (code === brace || code === bracket) depth++;
    else if (code === endBrace || code === endBracket) {
      if (--depth === 0) return i;
    } else if (code === quote) i = endOfString(bytes, i + 1);
  }
  return bytes.length;
}
