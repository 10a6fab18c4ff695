import { Buffer } from 'node:buffer';
import type { NfsChanges } from '../protocol/nfs-attributes.ts';
import { XdrWriter } from '../xdr/xdr-writer.ts';
import { attribute } from './attribute-numbers.ts';
import { writeBitmap } from './bitmap.ts';

const nanosPerSecond = 1_000_000_000n;

/** `fattr4` of what is to be set, in the order of the attributes' numbers. */
export function writeChanges4(writer: XdrWriter, changes: NfsChanges): void {
  const bits: number[] = [];
  const values = new XdrWriter();
  const add = <T>(bit: number, value: T | undefined, write: (value: T) => void) => {
    if (value === undefined) return;
    bits.push(bit);
    write(value);
  };
  add(attribute.size, changes.sizeBytes, (bytes) => values.u64(bytes));
  add(attribute.mode, changes.mode, (mode) => values.u32(mode));
  add(attribute.owner, changes.uid, (uid) => values.string(String(uid)));
  add(attribute.group, changes.gid, (gid) => values.string(String(gid)));
  add(attribute.setAccessed, changes.accessedNs, (time) => writeTime(values, time));
  add(attribute.setModified, changes.modifiedNs, (time) => writeTime(values, time));
  writeBitmap(writer, bits);
  writer.opaque(Buffer.concat(values.chunks()));
}

/** `settime4`; nanoseconds count up also before 1970. */
function writeTime(writer: XdrWriter, time: bigint | 'now'): void {
  if (time === 'now') {
    writer.u32(0);
    return;
  }
  const nanos = ((time % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
  const seconds = (time - nanos) / nanosPerSecond;
  writer.u32(1).i64(seconds).u32(Number(nanos));
}
