import { readFileSync } from 'node:fs';
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { FakeClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { cleanMappingsOf, returnMemoryWhenQuiet } from './return-memory.ts';

const node = '/usr/bin/node';
const allAtOnce = constants.NODE_PERFORMANCE_GC_FLAGS_ALL_AVAILABLE_GARBAGE;

function mapping(range: string, rights: string, file: string, anonymousKb: number): string {
  return `${range} ${rights} 00000000 fe:00 42                    ${file}\nRss:                 100 kB\nAnonymous:            ${anonymousKb} kB\n`;
}

test('only mappings of the program that are as its file has them are given back', () => {
  const smaps = [
    mapping('1000-3000', 'r--p', node, 0),
    mapping('3000-8000', 'r-xp', node, 0),
    // Relocated: these pages are nowhere but here.
    mapping('8000-9000', 'r--p', node, 4),
    mapping('9000-a000', 'rw-p', node, 0),
    mapping('a000-b000', 'r-xp', '/usr/lib/libc.so.6', 0),
    mapping('b000-c000', 'rw-p', '', 0),
  ].join('');
  expect(cleanMappingsOf(smaps, node)).toEqual([
    { start: 0x1000n, length: 0x2000n },
    { start: 0x3000n, length: 0x5000n },
  ]);
});

test('a process that rests for two seconds keeps little of its program in memory, and goes on as before', async () => {
  const clock = new FakeClock();
  const before = programKb();
  using _ = returnMemoryWhenQuiet(clock);
  await clock.advance(1900);
  expect(programKb()).toBeGreaterThan(before * 0.9);
  // A collection of this test's own garbage, or of other tests in this process, is work, too.
  await expect.poll(() => clock.advance(200).then(programKb)).toBeLessThan(before * 0.9);
  expect(JSON.parse(JSON.stringify({ still: 'here' }))).toEqual({ still: 'here' });
});

test('a heap that takes long to collect is collected in pieces, once it has grown, and the rest is given back', async () => {
  using forced = forcedCollections();
  const clock = new FakeClock();
  const before = programKb();
  // Of these the first are no longer young.
  let large: number[][] | undefined = Array.from({ length: 100_000 }, () => new Array(100).fill(0));
  let isCollected = false;
  const registry = new FinalizationRegistry(() => {
    isCollected = true;
  });
  registry.register(large[0] as number[], undefined);
  large = undefined;
  using _ = returnMemoryWhenQuiet(clock, 0);
  await expect.poll(() => clock.advance(200).then(() => isCollected)).toBe(true);
  await expect.poll(() => clock.advance(200).then(programKb)).toBeLessThan(before * 0.9);
  expect(forced.flags).toEqual([]);
});

test('two collections are made, with room for others between them, and neither is all that V8 could do at once', async () => {
  using forced = forcedCollections();
  const clock = new FakeClock();
  // The heap is that of all tests of this process.
  using _ = returnMemoryWhenQuiet(clock, Number.POSITIVE_INFINITY);
  const advance = async (ms: number) => {
    await clock.advance(ms);
    await setImmediate();
    await setImmediate();
  };
  // A collection of this test's own garbage, or of other tests in this process, is work, too.
  while (forced.flags.length === 0) await advance(200);
  await advance(700);
  expect(forced.flags).toHaveLength(1);
  await advance(300);
  expect(forced.flags).toHaveLength(2);
  expect(forced.flags.filter((flags) => flags & allAtOnce)).toEqual([]);
});

/** What full collections were asked of V8 from here on. */
function forcedCollections(): Disposable & { readonly flags: readonly number[] } {
  const forced: number[] = [];
  const since = performance.now();
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, detail } of list.getEntries() as unknown as {
      readonly startTime: number;
      readonly detail: { readonly kind: number; readonly flags: number };
    }[])
      if (
        // One of the test before is told a turn later.
        startTime >= since &&
        detail.kind !== constants.NODE_PERFORMANCE_GC_MINOR &&
        detail.flags & (constants.NODE_PERFORMANCE_GC_FLAGS_FORCED | allAtOnce)
      )
        forced.push(detail.flags);
  });
  observer.observe({ entryTypes: ['gc'] });
  return { flags: forced, [Symbol.dispose]: () => observer.disconnect() };
}

/** What is mapped of this program's file. */
function programKb(): number {
  let total = 0;
  for (const part of readFileSync('/proc/self/smaps', 'utf8').split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m)) {
    if (part.split('\n')[0]?.endsWith(process.execPath)) total += Number(/^Rss:\s+(\d+)/m.exec(part)?.[1] ?? 0);
  }
  return total;
}
