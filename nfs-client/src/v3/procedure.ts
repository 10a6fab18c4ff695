import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { XdrWriter } from '../xdr/xdr-writer.ts';

export const nfs3Program = { program: 100003, version: 3, name: 'NFS' } as const;

/** One procedure of NFSv3: how its arguments are written and its results read, the status left aside. */
export interface Procedure3<Args, Result> {
  readonly number: number;
  readonly name: string;
  readonly encode: (writer: XdrWriter, args: Args) => void;
  readonly decode: (reader: XdrReader) => Result;
  /** About how many bytes the answer has, where that is not few. */
  readonly replyBytes?: (args: Args) => number;
}

export function procedure3<Args, Result>(procedure: Procedure3<Args, Result>): Procedure3<Args, Result> {
  return procedure;
}
