import { encodeName } from '../names/file-name.ts';
import { badReply } from '../nfs-error.ts';
import type { NfsChanges } from '../protocol/nfs-attributes.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { XdrWriter } from '../xdr/xdr-writer.ts';
import { readBitmap } from './bitmap.ts';
import { readChangeInfo } from './change-operations.ts';
import { writeChanges4 } from './changes4.ts';
import type { Operation } from './operation.ts';
import { readStateid, type Stateid, writeStateid } from './stateid.ts';

export type OpenHow =
  | { readonly mode: 'existing' }
  | { readonly mode: 'unchecked'; readonly changes: NfsChanges }
  | { readonly mode: 'exclusive'; readonly verifier: Uint8Array; readonly changes: NfsChanges };

export interface OpenArgs {
  readonly clientId: bigint;
  /** One per open: a close ends all opens of an owner on a file. */
  readonly owner: Uint8Array;
  readonly access: 'read' | 'write' | 'both';
  readonly how: OpenHow;
  /** In the current directory; absent, the current file itself is opened again. */
  readonly name?: string;
  /** The file was open before the server restarted, which it lets nobody else's open come before. */
  readonly isReclaim?: boolean;
}

const shareAccess = { read: 1, write: 2, both: 3 } as const;
/** There is no back channel on which a delegation could be recalled. */
const wantNoDelegation = 0x400;
/** UNCHECKED4 and EXCLUSIVE4_1. */
const createModes = { unchecked: 0, exclusive: 3 } as const;
const claimName = 0;
const claimPrevious = 1;
const claimHandle = 4;
const delegationType = { none: 0, read: 1, write: 2, noneBecause: 3 } as const;

export function open(args: OpenArgs): Operation<Stateid> {
  return {
    number: 18,
    name: 'OPEN',
    isChange: true,
    encode: (writer) => {
      writer
        .u32(0)
        .u32(shareAccess[args.access] | wantNoDelegation)
        .u32(0);
      writer.u64(args.clientId).opaque(args.owner);
      writeHow(writer, args.how);
      if (args.isReclaim) writer.u32(claimPrevious).u32(delegationType.none);
      else if (args.name === undefined) writer.u32(claimHandle);
      else writer.u32(claimName).opaque(encodeName(args.name));
    },
    decode: (reader) => {
      const stateid = readStateid(reader);
      readChangeInfo(reader);
      reader.u32();
      readBitmap(reader);
      skipDelegation(reader);
      return stateid;
    },
  };
}

function writeHow(writer: XdrWriter, how: OpenHow): void {
  if (how.mode === 'existing') {
    writer.u32(0);
    return;
  }
  writer.u32(1).u32(createModes[how.mode]);
  if (how.mode === 'exclusive') writer.fixed(how.verifier);
  writeChanges4(writer, how.changes);
}

const maxWhoBytes = 1024;

/** A delegation nobody asked for lapses with the client; its length must still be known to read on. */
function skipDelegation(reader: XdrReader): void {
  const type = reader.u32();
  if (type === delegationType.none) return;
  if (type === delegationType.noneBecause) {
    const why = reader.u32();
    if (why === 1 || why === 2) reader.bool();
    return;
  }
  if (type !== delegationType.read && type !== delegationType.write) throw badReply(`delegation type ${type}`);
  readStateid(reader);
  reader.bool();
  // A space limit: which kind, then eight bytes of either kind.
  if (type === delegationType.write) reader.fixed(12);
  reader.fixed(12);
  reader.opaque(maxWhoBytes);
}

export function close(stateid: Stateid): Operation<undefined> {
  return {
    number: 4,
    name: 'CLOSE',
    isChange: true,
    encode: (writer) => {
      writer.u32(0);
      writeStateid(writer, stateid);
    },
    decode: (reader) => {
      readStateid(reader);
    },
  };
}
