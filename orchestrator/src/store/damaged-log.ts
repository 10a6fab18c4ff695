import { closeSync, openSync, readSync, statSync } from 'node:fs';

/** Of SQLite's write-ahead log (sqlite.org/fileformat2.html, "WAL File Format"), with the pages that our files have. */
const headerBytes = 32;
const frameBytes = 24 + 4096;
/** Two sums that go on from frame to frame. */
type Sums = readonly [number, number];

/**
 * Whether a log has a transaction behind a damaged frame. SQLite takes a frame with a wrong checksum for the log's end, as a crash leaves
 * it; yet a transaction is on the disk before the next begins. So one that follows another's end proves that all before it was
 * acknowledged, and would be lost without a word. Logs of big-endian machines are not judged: no frame of theirs goes on from another.
 */
export function hasWritesBehindDamage(log: string): boolean {
  const size = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  if (size < headerBytes + frameBytes) return false;
  const file = openSync(log, 'r');
  try {
    const header = new Uint32Array(headerBytes / 4);
    readSync(file, header, 0, headerBytes, 0);
    return isCutByDamage(file, { header, frames: Math.floor((size - headerBytes) / frameBytes) });
  } finally {
    closeSync(file);
  }
}

function isCutByDamage(
  file: number,
  { header, frames }: { readonly header: Uint32Array; readonly frames: number },
): boolean {
  const frame = new Uint32Array(frameBytes / 4);
  const stored = (of: Uint32Array, at: number): Sums => [swapped(of[at] as number), swapped(of[at + 1] as number)];
  const begun = sums(header, 0, 6, [0, 0]);
  let isDamaged = !same(begun, stored(header, 6));
  let salts = [header[4], header[5]];
  // What the next frame goes on from, where this one is right, and where only its own sums are not.
  let seeds: readonly Sums[] = [begun, stored(header, 6)];
  let endsTransaction = false;
  for (let i = 0; i < frames; i++) {
    readSync(file, frame, 0, frameBytes, headerBytes + i * frameBytes);
    if (i === 0 && isDamaged) salts = [frame[2], frame[3]];
    const found = stored(frame, 4);
    const reckoned = seeds.map((seed) => sums(frame, 6, frame.length, sums(frame, 0, 2, seed)));
    const goesOn = frame[2] === salts[0] && frame[3] === salts[1] && reckoned.some((each) => same(each, found));
    if (goesOn && isDamaged && endsTransaction) return true;
    if (!goesOn) isDamaged = true;
    seeds = goesOn ? [found] : [found, ...reckoned];
    endsTransaction = frame[1] !== 0;
  }
  return false;
}

function sums(words: Uint32Array, from: number, to: number, [first, second]: Sums): Sums {
  let a = first;
  let b = second;
  for (let i = from; i < to; i += 2) {
    a = (a + (words[i] as number) + b) >>> 0;
    b = (b + (words[i + 1] as number) + a) >>> 0;
  }
  return [a, b];
}

function same(a: Sums, b: Sums): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

/** Fields are big-endian, what is summed is not. */
function swapped(word: number): number {
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}
