import { badReply, NfsError } from '../nfs-error.ts';
import { statusName } from '../nfs-status.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { XdrWriter } from '../xdr/xdr-writer.ts';

/** One operation of a compound, with its arguments in it. */
export interface Operation<Result> {
  readonly number: number;
  readonly name: string;
  readonly encode: (writer: XdrWriter) => void;
  readonly decode: (reader: XdrReader) => Result;
  /** About how many bytes its result has, where that is not few. */
  readonly replyBytes?: number;
  /** Repeating it would do something twice: the server is to keep its answer. */
  readonly isChange?: boolean;
}

export type Operations = readonly Operation<unknown>[];

export type Results<Ops extends Operations> = {
  readonly [I in keyof Ops]: Ops[I] extends Operation<infer Result> ? Result : never;
};

/** How a compound went: the results of the operations that succeeded, and the one that did not. */
export interface CompoundOutcome {
  readonly results: readonly unknown[];
  /** `index` is -1 where the compound as a whole was refused. */
  readonly failure: { readonly index: number; readonly error: NfsError } | undefined;
}

const maxTagBytes = 1024;
const illegalOperation = 10044;

/** COMPOUND4args (RFC 8881 §16.2). */
export function encodeCompound(writer: XdrWriter, minorVersion: number, operations: Operations): void {
  writer.u32(0).u32(minorVersion).u32(operations.length);
  for (const operation of operations) {
    writer.u32(operation.number);
    operation.encode(writer);
  }
}

/** COMPOUND4res. The server stops at the first operation that fails. */
export function decodeCompound(reader: XdrReader, operations: Operations, resent: boolean): CompoundOutcome {
  const status = reader.u32();
  reader.opaque(maxTagBytes);
  const count = reader.u32();
  if (count > operations.length) throw badReply(`${count} results of ${operations.length} operations`);
  const results: unknown[] = [];
  for (const [index, operation] of operations.slice(0, count).entries()) {
    const number = reader.u32();
    if (number !== operation.number && number !== illegalOperation)
      throw badReply(`a result of operation ${number} where ${operation.name} was sent`);
    const ended = reader.u32();
    if (ended !== 0) return { results, failure: { index, error: failureOf(ended, operation.name, resent) } };
    results.push(operation.decode(reader));
  }
  if (status !== 0) return { results, failure: { index: -1, error: failureOf(status, 'COMPOUND', resent) } };
  if (count < operations.length) throw badReply(`${count} results of ${operations.length} operations, and no error`);
  return { results, failure: undefined };
}

function failureOf(status: number, name: string, resent: boolean): NfsError {
  const code = statusName(status);
  const said = code === 'UNKNOWN_STATUS' ? `status ${status}` : `NFS4ERR_${code}`;
  return new NfsError(code, `NFS4 ${name}: the server answers ${said}`, { resent });
}
