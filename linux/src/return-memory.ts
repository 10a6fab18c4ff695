import { readFile } from 'node:fs/promises';
import { PerformanceObserver } from 'node:perf_hooks';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Clock } from '@berth/kit';
import koffi from 'koffi';

const lib = koffi.load('libc.so.6');
const madvise = lib.func('int madvise(uint64_t address, uint64_t length, int advice)');
const mallocTrim = lib.func('int malloc_trim(size_t pad)');

/** madvise(2). */
const MADV_DONTNEED = 4;

/** Without work for so long, a process is at rest. */
const quietMs = 2000;
/** Between the two collections others have their turn: each takes a third of what both at once did. */
const collectAgainMs = 1000;
/** A process that works now and then does it no more often, nor for more than a two-hundredth of its time. */
const betweenMs = 20_000;
const shareOfTime = 200;
/** A full collection of more would hold up the next call for longer than 50 ms: this thread and its helpers take two ms and more for 4 MB. */
const collectUpToBytes = 64 * 1024 * 1024;
/** A heap of more is collected in pieces, if it has grown by so much since it was: that takes seconds of other threads. */
const grownBy = 1.5;

/**
 * Gives memory that a burst of work left behind back to the kernel once the process rests: V8 keeps a heap as large as it
 * last was, malloc its free blocks, and the kernel maps what was read of the program's file though most of it ran once, at the start.
 * A process that did nothing since the last time does nothing; whether it worked is told by V8's own collections.
 * A heap of more than `upToBytes` is collected in pieces, once it has grown, and what is left of it as any other if that is less.
 */
export function returnMemoryWhenQuiet(clock: Clock, upToBytes = collectUpToBytes): Disposable {
  const collect = collector(upToBytes);
  let workedAt = clock.monotonicMs();
  let notBefore = Number.NEGATIVE_INFINITY;
  let isReturning = false;
  let isDisposed = false;
  let timer: Disposable | undefined;
  const wait = (ms: number) => {
    timer = clock.schedule(ms, check);
  };
  const check = () => {
    const left = Math.max(workedAt + quietMs, notBefore) - clock.monotonicMs();
    if (left > 0) return wait(left);
    isReturning = true;
    begin(collect(), 0);
  };
  const begin = (collections: Iterator<void>, beforeMs: number) => {
    const began = usedMs();
    const { done } = collections.next();
    const spentMs = beforeMs + usedMs() - began;
    if (!done) timer = clock.schedule(collectAgainMs, () => begin(collections, spentMs));
    else end(spentMs);
  };
  const end = (beforeMs: number) => {
    timer = undefined;
    const began = usedMs();
    void returnPages(() => isDisposed).finally(() => {
      if (isDisposed) return;
      const spentMs = beforeMs + usedMs() - began;
      notBefore = clock.monotonicMs() + Math.max(betweenMs, spentMs * shareOfTime);
      // Our own collection is told a turn later.
      timer = clock.schedule(100, () => {
        timer = undefined;
        isReturning = false;
      });
    });
  };
  wait(quietMs);
  const observer = new PerformanceObserver(() => {
    if (isReturning) return;
    workedAt = clock.monotonicMs();
    if (!timer) wait(quietMs);
  });
  observer.observe({ entryTypes: ['gc'] });
  return {
    [Symbol.dispose]: () => {
      isDisposed = true;
      observer.disconnect();
      timer?.[Symbol.dispose]();
    },
  };
}

/** Of this thread: on a busy machine more time passes, which is no reason to keep what others need. */
function usedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** What collects, a step at a time: others have their turn in between, and behind the last one. */
function collector(upToBytes: number): () => Iterator<void> {
  // The only way to a collection that needs no flag of the process.
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as (how: object) => void;
  const used = () => getHeapStatistics().used_heap_size;
  // V8's last resort does the same in one turn, of a tenth of a second for 30 MB. At rest, when little is allocated, a
  // regular one makes the room for young objects small, too; the next finds in pieces what the first left in between, and
  // what neither needs V8 gives to the kernel within ten seconds.
  const collect = () => gc({ type: 'major', execution: 'sync' });
  // V8 marks in pieces, and on other threads, once it takes the heap for full when it has collected young objects. What was marked
  // before it was let go of is left to the second time.
  const collectInPieces = () => {
    setFlagsFromString('--incremental-marking-hard-trigger=1');
    gc({ type: 'minor', execution: 'sync' });
    setFlagsFromString('--incremental-marking-hard-trigger=0');
  };
  let keptBytes = 0;
  return function* () {
    const isGrown = used() > keptBytes * grownBy;
    for (let i = 0; i < 2 && used() > upToBytes && isGrown; i++) {
      collectInPieces();
      yield;
    }
    for (let i = 0; i < 2 && used() <= upToBytes; i++) {
      collect();
      if (i === 0) yield;
    }
    keptBytes = used();
  };
}

/** One mapping in /proc/self/smaps: its range, its rights and its file (proc_pid_smaps(5)). */
const mappingLine = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)$/;

/**
 * Gives malloc's free blocks back, and unmaps what is read of the program's own file; what is used again comes back from the page cache.
 * Only pages that are as the file has them: read-only mappings of which not one page is the process's own copy (those hold relocations).
 */
async function returnPages(isGivenUp: () => boolean): Promise<void> {
  // On a thread of the pool: the kernel walks every page for it. What follows is no longer the turn of the collection.
  const smaps = await readFile('/proc/self/smaps', 'utf8');
  if (isGivenUp()) return;
  mallocTrim(0);
  for (const { start, length } of cleanMappingsOf(smaps, process.execPath)) madvise(start, length, MADV_DONTNEED);
}

/** Mappings of `file` that are read-only and unchanged; exported for tests. */
export function cleanMappingsOf(smaps: string, file: string): { readonly start: bigint; readonly length: bigint }[] {
  const clean: { start: bigint; length: bigint }[] = [];
  let here: { start: bigint; length: bigint } | undefined;
  for (const line of smaps.split('\n')) {
    const mapping = mappingLine.exec(line);
    if (mapping) {
      const [, from, to, rights, path] = mapping;
      const start = BigInt(`0x${from}`);
      const isCode = (rights === 'r-xp' || rights === 'r--p') && path === file;
      here = isCode ? { start, length: BigInt(`0x${to}`) - start } : undefined;
    } else if (here && /^Anonymous:\s+0 kB$/.test(line)) clean.push(here);
  }
  return clean;
}
