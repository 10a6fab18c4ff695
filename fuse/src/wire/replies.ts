import type { Buffer } from 'node:buffer';
import type { Attributes, Entry, FileStat, NoEntry, Opened, Space } from '../file-system.ts';
import { headerBytes, notification, openFlag } from './protocol.ts';
import { WireWriter } from './wire-writer.ts';

const nanosPerSecond = 1_000_000_000n;
const attributeBytes = 88;
export const entryBytes = 40 + attributeBytes;

/** `fuse_out_header`. `errno` is positive here. */
export function replyHeader(unique: bigint, dataBytes: number, errno = 0): Buffer {
  return new WireWriter(headerBytes.reply)
    .u32(headerBytes.reply + dataBytes)
    .u32(-errno)
    .u64(unique).bytes;
}

/** `fuse_attr`. */
function writeStat(writer: WireWriter, stat: FileStat): WireWriter {
  const [accessed, modified, changed] = [stat.accessedNs, stat.modifiedNs, stat.changedNs].map(splitTime);
  writer
    .u64(stat.inode)
    .u64(stat.sizeBytes)
    .u64(Math.ceil(stat.usedBytes / 512));
  for (const time of [accessed, modified, changed]) writer.u64(time?.seconds ?? 0n);
  for (const time of [accessed, modified, changed]) writer.u32(time?.nanos ?? 0);
  writer.u32(stat.mode).u32(stat.links).u32(stat.uid).u32(stat.gid).u32(stat.device).u32(stat.blockBytes);
  return writer.skip(4);
}

/** Nanoseconds count up also before 1970. */
function splitTime(ns: bigint) {
  const nanos = ((ns % nanosPerSecond) + nanosPerSecond) % nanosPerSecond;
  return { seconds: (ns - nanos) / nanosPerSecond, nanos: Number(nanos) };
}

function writeEntry(writer: WireWriter, entry: Entry | NoEntry): WireWriter {
  const attributes = 'stat' in entry ? entry : undefined;
  const [entryValid, valid] = [splitValid(entry.entryValidMs), splitValid(attributes?.validMs ?? 0)];
  writer.u64(entry.node).u64(0).u64(entryValid.seconds).u64(valid.seconds).u32(entryValid.nanos).u32(valid.nanos);
  return attributes ? writeStat(writer, attributes.stat) : writer.skip(attributeBytes);
}

function splitValid(ms: number) {
  const whole = Math.max(0, Math.floor(ms));
  return { seconds: Math.floor(whole / 1000), nanos: (whole % 1000) * 1_000_000 };
}

export function entryReply(entry: Entry | NoEntry): Buffer {
  return writeEntry(new WireWriter(entryBytes), entry).bytes;
}

export function attributesReply({ stat, validMs }: Attributes): Buffer {
  const valid = splitValid(validMs);
  return writeStat(new WireWriter(16 + attributeBytes).u64(valid.seconds).u32(valid.nanos).skip(4), stat).bytes;
}

function openFlags({ keepCache, direct }: Opened): number {
  return (keepCache ? openFlag.keepCache : 0) | (direct ? openFlag.direct : 0);
}

export function openReply(opened: Opened): Buffer {
  return new WireWriter(16).u64(opened.id).u32(openFlags(opened)).skip(4).bytes;
}

export function createReply(entry: Entry, opened: Opened): Buffer {
  return writeEntry(new WireWriter(entryBytes + 16), entry)
    .u64(opened.id)
    .u32(openFlags(opened))
    .skip(4).bytes;
}

/** WRITE and COPY_FILE_RANGE. */
export function writtenReply(bytes: number): Buffer {
  return new WireWriter(8).u32(bytes).skip(4).bytes;
}

export function offsetReply(offset: number): Buffer {
  return new WireWriter(8).u64(offset).bytes;
}

export function spaceReply({ blocks, files, blockBytes, maxNameBytes }: Space): Buffer {
  const writer = new WireWriter(80).u64(blocks.total).u64(blocks.free).u64(blocks.available);
  return writer.u64(files.total).u64(files.free).u32(blockBytes).u32(maxNameBytes).u32(blockBytes).skip(28).bytes;
}

export interface InitReply {
  readonly major: number;
  readonly minor: number;
  readonly maxReadahead: number;
  readonly flags: number;
  readonly flags2: number;
  /** Requests nobody waits for that the kernel sends at a time. */
  readonly maxBackground: number;
  readonly maxWriteBytes: number;
  readonly maxPages: number;
}

/** `fuse_init_out`. Times are exact to the nanosecond. */
export function initReply(init: InitReply): Buffer {
  const writer = new WireWriter(64).u32(init.major).u32(init.minor).u32(init.maxReadahead).u32(init.flags);
  writer.u16(init.maxBackground).u16(Math.floor((init.maxBackground * 3) / 4));
  return writer.u32(init.maxWriteBytes).u32(1).u16(init.maxPages).u16(0).u32(init.flags2).bytes;
}

/** Tells the kernel to ask for a node's attributes again; cached pages stay, so this never waits for one. */
export function invalidateAttributes(node: number): Buffer {
  const writer = new WireWriter(headerBytes.reply + 24).u32(headerBytes.reply + 24).u32(notification.invalidateNode);
  return writer.u64(0).u64(node).u64(-1n).u64(0).bytes;
}
