import { Buffer } from 'node:buffer';
import { decodeName, isDotName } from '../names/file-name.ts';
import { badReply } from '../nfs-error.ts';
import type { DirectoryPage, NfsDirectoryEntry } from '../protocol/nfs-protocol.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import { readHandle, readPostAttributes, verifierBytes } from './wire3.ts';

const maxNameBytes = 1024;

/** READDIR's results. */
export function readDirectory(reader: XdrReader): DirectoryPage {
  return readPage(reader, () => undefined);
}

/** READDIRPLUS' results. */
export function readDirectoryPlus(reader: XdrReader): DirectoryPage {
  return readPage(reader, () => ({
    attributes: readPostAttributes(reader),
    handle: reader.optional(() => readHandle(reader)),
  }));
}

type Extra = Pick<NfsDirectoryEntry, 'attributes' | 'handle'>;

function readPage(reader: XdrReader, readExtra: () => Extra | undefined): DirectoryPage {
  readPostAttributes(reader);
  const verifier = Buffer.from(reader.fixed(verifierBytes));
  const entries: NfsDirectoryEntry[] = [];
  let cookie: bigint | undefined;
  while (reader.bool()) {
    const fileId = reader.u64();
    const name = reader.opaque(maxNameBytes);
    cookie = reader.u64();
    const extra = readExtra();
    if (!isDotName(name)) entries.push({ name: decodeName(name), fileId, cookie, ...extra });
  }
  const end = reader.bool();
  if (cookie === undefined && !end) throw badReply('an empty page of a directory that goes on');
  return { entries, next: { cookie: cookie ?? 0n, verifier }, end };
}
