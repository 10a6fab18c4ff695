import { createHash } from 'node:crypto';

export interface TarItem {
  readonly name: string;
  readonly type?: 'file' | 'link' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo' | 'sparse';
  readonly content?: string | Buffer;
  readonly linkName?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly device?: readonly [major: number, minor: number];
  /** Records of a pax header before it. */
  readonly pax?: Readonly<Record<string, string | Buffer>>;
  /** Instead of the size of the content. */
  readonly size?: number;
}

const flags = { file: '0', link: '1', symlink: '2', char: '3', block: '4', dir: '5', fifo: '6', sparse: 'S' } as const;

/** A tar written byte by byte, so that it can also hold what no tool would write. */
export function tarOf(...items: readonly TarItem[]): Buffer {
  return Buffer.concat([...items.flatMap(blocksOf), Buffer.alloc(1024)]);
}

export function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function blocksOf(item: TarItem): Buffer[] {
  const { type = 'file', content = '', pax } = item;
  const body = Buffer.from(content);
  const records = pax
    ? Buffer.concat(Object.entries(pax).map(([key, value]) => paxRecord(key, Buffer.from(value))))
    : undefined;
  return [
    ...(records ? [header({ name: 'pax' }, 'x', records.length), padded(records)] : []),
    header(item, flags[type], item.size ?? body.length),
    padded(body),
  ];
}

function header(item: TarItem, flag: string, size: number): Buffer {
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  block.write(item.name, 0, 100);
  octal(item.mode ?? (item.type === 'dir' ? 0o755 : 0o644), 100, 8);
  octal(item.uid ?? 0, 108, 8);
  octal(item.gid ?? 0, 116, 8);
  octal(size, 124, 12);
  octal(item.mtime ?? 1_000_000, 136, 12);
  block.write(flag, 156, 'latin1');
  block.write(item.linkName ?? '', 157, 100);
  block.write('ustar\x0000', 257, 'latin1');
  octal(item.device?.[0] ?? 0, 329, 8);
  octal(item.device?.[1] ?? 0, 337, 8);
  block.write('        ', 148, 'latin1');
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function padded(body: Buffer): Buffer {
  return Buffer.concat([body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
}
