import type { Errno } from '@berth/fuse';

/** What nfs(5) options mean here. */
export interface Tuning {
  /** How long a call may take; without end for a hard mount. */
  readonly timeoutMs: number;
  readonly timedOut: Errno;
  readonly files: { readonly minMs: number; readonly maxMs: number };
  readonly directories: { readonly minMs: number; readonly maxMs: number };
  /** For how long a name is believed to be absent. */
  readonly absentMs: number;
  readonly lookupCache: boolean;
  readonly maxReadBytes: number;
  readonly maxWriteBytes: number;
}

/** Over two weeks: what a timer takes at most is 2^31-1 ms. */
const withoutEndMs = 2 ** 30;
const most = 1 << 20;
const blockBytes = 4096;

/** Reads options that were checked before; the defaults are nfs(5)'s. The last of several counts. */
export function tuningOf(options: readonly string[]): Tuning {
  const words = new Set(options);
  const values = new Map(options.filter((option) => option.includes('=')).map((option) => splitOnce(option)));
  const number = (key: string, fallback: number) => Number(values.get(key) ?? fallback);
  const all = values.get('actimeo');
  const seconds = (key: string, fallback: number) =>
    words.has('noac') ? 0 : 1000 * (all === undefined ? number(key, fallback) : Number(all));
  const range = (min: number, max: number) => ({ minMs: Math.min(min, max), maxMs: max });
  const isSoft = words.has('soft') || words.has('softerr');
  const lookup = values.get('lookupcache') ?? 'all';
  // Tenths of a second; each repetition waits that much longer.
  const softMs = 100 * number('timeo', 600) * (number('retrans', 2) + 1);
  const files = range(seconds('acregmin', 3), seconds('acregmax', 60));
  return {
    timeoutMs: isSoft ? Math.max(100, softMs) : withoutEndMs,
    timedOut: words.has('softerr') ? 'ETIMEDOUT' : 'EIO',
    files,
    directories: range(seconds('acdirmin', 30), seconds('acdirmax', 60)),
    absentMs: lookup === 'all' ? files.minMs : 0,
    lookupCache: lookup !== 'none',
    maxReadBytes: transfer(number('rsize', most)),
    maxWriteBytes: transfer(number('wsize', most)),
  };
}

/** A multiple of a page up to a megabyte; 0 is as much as possible. */
function transfer(bytes: number): number {
  if (bytes === 0) return most;
  return Math.min(most, Math.max(blockBytes, bytes - (bytes % blockBytes)));
}

function splitOnce(option: string): [string, string] {
  const at = option.indexOf('=');
  return [option.slice(0, at), option.slice(at + 1)];
}
