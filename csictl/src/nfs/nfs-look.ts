import type { NfsAttributes, NfsStatFs } from '@berth/nfs-client';
import type { Given } from '../command-action.ts';
import { CsictlError } from '../csictl-error.ts';
import { formatBytes } from '../output/format-bytes.ts';
import { type Column, printRows } from '../output/print.ts';
import type { Session } from '../session.ts';
import { nameOf } from './copy-place.ts';
import { parseNfsUrl } from './nfs-url.ts';
import { openNfs } from './open-nfs.ts';

interface ListRow {
  readonly name: string;
  readonly type: NfsAttributes['type'];
  readonly mode: string;
  readonly links: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly modified: string;
}

const columns: readonly Column<ListRow>[] = [
  { name: 'MODE', value: ({ mode }) => mode },
  { name: 'LINKS', value: ({ links }) => String(links), wide: true },
  { name: 'OWNER', value: ({ uid, gid }) => `${uid}:${gid}` },
  { name: 'SIZE', value: ({ sizeBytes }) => formatBytes(sizeBytes) },
  { name: 'MODIFIED', value: ({ modified }) => modified },
  { name: 'NAME', value: ({ name, type }) => (type === 'directory' ? `${name}/` : name) },
];

/** `csictl nfs ls URL`: a directory's entries by name, or what is known of a file. */
export async function nfsList(session: Session, { argument }: Given): Promise<void> {
  await using open = await openNfs(parseNfsUrl(String(argument)), session);
  const { client, path } = open;
  const { signal } = session;
  const attributes = await client.stat(path, signal);
  const rows: ListRow[] = [];
  if (attributes.type !== 'directory') rows.push(rowOf(nameOf(path), attributes));
  else for await (const entry of client.readdir(path, signal)) rows.push(rowOf(entry.name, entry.attributes));
  rows.sort((a, b) => (a.name < b.name ? -1 : 1));
  await printRows(session.printer, rows, columns);
}

function rowOf(name: string, attributes: NfsAttributes): ListRow {
  const { type, links, uid, gid, sizeBytes, modifiedNs } = attributes;
  const modified = new Date(Number(modifiedNs / 1_000_000n)).toISOString().replace(/\.\d+Z$/, 'Z');
  return { name, type, mode: modeOf(attributes), links, uid, gid, sizeBytes, modified };
}

const letters = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  block: 'b',
  character: 'c',
  socket: 's',
  fifo: 'p',
} as const;

/** `drwxr-x---`; set-id and sticky bits as ls writes them. */
function modeOf({ type, mode }: NfsAttributes): string {
  const bits = [6, 3, 0].map((shift, index) => {
    const part = (mode >> shift) & 7;
    const special = (mode >> (11 - index)) & 1;
    const run = special ? 'sst'[index] : 'x';
    const last = part & 1 ? run : special ? run?.toUpperCase() : '-';
    return `${part & 4 ? 'r' : '-'}${part & 2 ? 'w' : '-'}${last}`;
  });
  return letters[type] + bits.join('');
}

/** `csictl nfs cat URL`: a file's bytes, as they are. */
export async function nfsCat(session: Session, { argument }: Given): Promise<void> {
  await using open = await openNfs(parseNfsUrl(String(argument)), session);
  const { outBytes } = session.terminal;
  if (!outBytes) throw new CsictlError('FAILED', 'there is nowhere to write bytes to');
  for await (const chunk of open.client.read(open.path, { reuse: true }, session.signal)) await outBytes(chunk);
}

type SpaceRow = { readonly url: string; readonly version: number } & NfsStatFs;

const spaceColumns: readonly Column<SpaceRow>[] = [
  { name: 'SIZE', value: ({ bytes }) => formatBytes(bytes.total) },
  { name: 'USED', value: ({ bytes }) => formatBytes(bytes.total - bytes.free) },
  { name: 'AVAILABLE', value: ({ bytes }) => formatBytes(bytes.available) },
  { name: 'FILES', value: ({ files }) => String(files.total - files.free) },
  { name: 'FREE FILES', value: ({ files }) => String(files.available), wide: true },
  { name: 'VERSION', value: ({ version }) => `NFSv${version}` },
  { name: 'URL', value: ({ url }) => url },
];

/** `csictl nfs df URL`: the room of the filesystem a path is on. */
export async function nfsSpace(session: Session, { argument }: Given): Promise<void> {
  const url = parseNfsUrl(String(argument));
  await using open = await openNfs(url, session);
  const space = await open.client.statfs(open.path, session.signal);
  await printRows(session.printer, [{ url: url.text, version: open.client.version, ...space }], spaceColumns);
}
