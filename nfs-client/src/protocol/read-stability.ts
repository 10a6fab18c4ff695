import { badReply } from '../nfs-error.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { Stability } from './nfs-file.ts';

/** `stable_how`, the same in NFSv3 and NFSv4. */
export function readStability(reader: XdrReader): Stability {
  const value = reader.u32();
  if (value > 2) throw badReply(`stable_how is ${value}`);
  return value as Stability;
}
