import { ByteReader, damaged } from './byte-reader.ts';
import { ImageError } from './image-error.ts';
import { parsePaxRecords } from './pax-records.ts';

export type TarEntryType =
  | 'file'
  | 'link'
  | 'symlink'
  | 'character-device'
  | 'block-device'
  | 'directory'
  | 'fifo'
  | 'unknown';

export interface TarEntry {
  readonly name: string;
  readonly type: TarEntryType;
  readonly linkName: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly device: { readonly major: number; readonly minor: number };
  /** Extended attributes (`SCHILY.xattr.…`), their values as bytes: file capabilities are not text. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
  /** To be read before the next entry is asked for; what is left of it then is skipped. */
  readonly content: AsyncIterable<Uint8Array>;
}

const blockBytes = 512;
/** Of a pax header or a GNU long name; real ones take some kilobytes. */
const maxHeaderBytes = 1024 * 1024;
const types: Readonly<Record<string, TarEntryType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'fifo',
};

/**
 * Reads a tar stream entry by entry: ustar, pax and GNU (POSIX.1-2024 pax, tar(5)). The whole source is read, also past
 * the end-of-archive mark, since digests are over all of it.
 * @throws ImageError Invalid – damaged, cut short, or sparse, which no image tool writes.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const bytes = new ByteReader(source);
  try {
    yield* entries(bytes);
  } finally {
    await bytes.close();
  }
}

async function* entries(bytes: ByteReader): AsyncGenerator<TarEntry> {
  let pax: ReadonlyMap<string, Buffer> = new Map();
  const long: { name?: string; linkName?: string } = {};
  for (;;) {
    const header = await bytes.take(blockBytes);
    if (header.length === 0) return;
    if (header.length < blockBytes) throw damaged('it is cut short');
    if (header.every((byte) => byte === 0)) return await bytes.drain();
    verifyChecksum(header);
    const flag = String.fromCharCode(header[156] as number);
    if ('xgLK'.includes(flag)) {
      const size = number(header, 124, 12);
      if (!(size >= 0 && size <= maxHeaderBytes)) throw damaged(`it has a header of ${size} bytes`);
      const body = await bytes.takeWhole(size);
      await bytes.skip(padding(size));
      if (flag === 'x') pax = parsePaxRecords(body);
      else if (flag === 'L') long.name = text(body);
      else if (flag === 'K') long.linkName = text(body);
      continue;
    }
    const facts = describe(header, pax, long);
    const content = bytes.limited(facts.sizeBytes);
    yield { ...facts, content: content.chunks() };
    await bytes.skip(content.leftBytes() + padding(facts.sizeBytes));
    pax = new Map();
    delete long.name;
    delete long.linkName;
  }
}

function describe(
  header: Buffer,
  pax: ReadonlyMap<string, Buffer>,
  long: { readonly name?: string; readonly linkName?: string },
): Omit<TarEntry, 'content'> {
  const flag = String.fromCharCode(header[156] as number);
  const name = textOf(pax, 'path') ?? long.name ?? ustarName(header);
  if (flag === 'S' || [...pax.keys()].some((key) => key.startsWith('GNU.sparse.')))
    throw new ImageError('Invalid', `entry "${name}" is a sparse file, which image layers do not hold`);
  // Before POSIX a directory was a file whose name ends in a slash.
  const type = types[flag] === 'file' && name.endsWith('/') ? 'directory' : (types[flag] ?? 'unknown');
  const size = numberOf(pax, 'size') ?? number(header, 124, 12);
  return {
    name,
    type,
    linkName: textOf(pax, 'linkpath') ?? long.linkName ?? text(header.subarray(157, 257)),
    mode: number(header, 100, 8) & 0o7777,
    uid: identity(numberOf(pax, 'uid') ?? number(header, 108, 8), name),
    gid: identity(numberOf(pax, 'gid') ?? number(header, 116, 8), name),
    // Links, devices and directories have no content, whatever the field says.
    sizeBytes: type === 'file' || type === 'unknown' ? contentSize(size, name) : 0,
    mtimeMs: time(numberOf(pax, 'mtime') ?? number(header, 136, 12)),
    device: { major: number(header, 329, 8), minor: number(header, 337, 8) },
    xattrs: new Map(
      [...pax].flatMap(([key, value]) => (key.startsWith('SCHILY.xattr.') ? [[key.slice(13), value] as const] : [])),
    ),
  };
}

function ustarName(header: Buffer): string {
  const name = text(header.subarray(0, 100));
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? text(header.subarray(345, 500)) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function textOf(pax: ReadonlyMap<string, Buffer>, key: string): string | undefined {
  const value = pax.get(key);
  return value === undefined || value.length === 0 ? undefined : text(value);
}

function numberOf(pax: ReadonlyMap<string, Buffer>, key: string): number | undefined {
  const value = textOf(pax, key);
  if (value === undefined) return undefined;
  if (!/^-?\d+(\.\d*)?$/.test(value)) throw damaged(`"${value.slice(0, 40)}" is no ${key}`);
  return Number(value);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Up to the first NUL. */
function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  try {
    return utf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
  } catch (error) {
    throw new ImageError('Invalid', 'the archive has a name that is not UTF-8', { cause: error });
  }
}

/** Octal text, or base 256 where the first bit is set (GNU), in two's complement. */
function number(header: Buffer, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  const first = field[0] as number;
  if (first & 0x80) {
    const start = (first & 0x40) === 0 ? 0 : -0x40;
    return field.subarray(1).reduce((sum, byte) => sum * 256 + byte, start + (first & 0x3f));
  }
  const digits = field.toString('latin1').replaceAll('\0', ' ').trim();
  if (digits === '') return 0;
  if (!/^[0-7]+/.test(digits)) throw damaged('a number in a header is not octal');
  return Number.parseInt(digits, 8);
}

function time(seconds: number): number {
  // Beyond what a file can have: 1901 to the year 2446 (ext4).
  return Math.min(Math.max(seconds, -(2 ** 31)), 15_032_385_535) * 1000;
}

function identity(id: number, name: string): number {
  if (Number.isInteger(id) && id >= 0 && id < 0xffffffff) return id;
  throw new ImageError('Invalid', `entry "${name}" has owner ${id}, which no file can have`);
}

function contentSize(size: number, name: string): number {
  if (Number.isSafeInteger(size) && size >= 0) return size;
  throw new ImageError('Invalid', `entry "${name}" has an impossible size (${size})`);
}

/** The sum of all header bytes, its own field taken as spaces; old tars summed signed bytes. */
function verifyChecksum(header: Buffer): void {
  const wanted = number(header, 148, 8);
  let unsigned = 0;
  let signed = 0;
  for (let index = 0; index < blockBytes; index++) {
    const value = index >= 148 && index < 156 ? 32 : (header[index] as number);
    unsigned += value;
    signed += value > 127 ? value - 256 : value;
  }
  if (wanted !== unsigned && wanted !== signed) throw damaged('a header is not one');
}

function padding(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}
