import { Buffer } from 'node:buffer';
import { headerBytes } from '../wire/protocol.ts';

export type Field = readonly ['u32' | 'u64', number | bigint] | Uint8Array | string;

export interface RequestFields {
  readonly opcode: number;
  readonly unique?: number;
  readonly node?: number | bigint;
  readonly pid?: number;
  readonly body?: readonly Field[];
}

/** A request as the kernel writes it. Strings end in NUL. */
export function requestBytes({ opcode, unique = 2, node = 1, pid = 1, body = [] }: RequestFields): Buffer {
  const parts = body.map(fieldBytes);
  const length = headerBytes.request + parts.reduce((sum, part) => sum + part.length, 0);
  const header = [u32(length), u32(opcode), u64(unique), u64(node), u32(0), u32(0), u32(pid), u32(0)];
  return Buffer.concat([...header, ...parts]);
}

function fieldBytes(field: Field): Uint8Array {
  if (typeof field === 'string') return Buffer.from(`${field}\0`);
  if (field instanceof Uint8Array) return field;
  return field[0] === 'u32' ? u32(Number(field[1])) : u64(field[1]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

function u64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)));
  return bytes;
}
