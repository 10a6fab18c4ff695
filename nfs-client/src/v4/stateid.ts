import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { XdrWriter } from '../xdr/xdr-writer.ts';

/** The server's name of an open. Always sent with sequence 0, "the current one" (RFC 8881 §8.2.2). */
export type Stateid = Uint8Array & { readonly __brand: 'Stateid' };

const otherBytes = 12;

/** All zeros: no open at all. */
export const anonymousStateid = new Uint8Array(otherBytes) as Stateid;

export function readStateid(reader: XdrReader): Stateid {
  reader.u32();
  return Uint8Array.from(reader.fixed(otherBytes)) as Stateid;
}

export function writeStateid(writer: XdrWriter, stateid: Stateid): void {
  writer.u32(0).fixed(stateid);
}
