import { Session } from 'node:inspector/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { systemClock } from '@berth/kit';
import { cpuProfile } from './cpu-profile.ts';
import { heapProfile } from './heap-profile.ts';

/** A profile in pprof's form, gzipped; undefined: one is being taken. */
type Take = (seconds: number, signal: AbortSignal) => Promise<Uint8Array | undefined>;

let taking = false;

/** Of this thread, by V8's own profilers; nothing is noted while nobody asks. */
export const profiles: ReadonlyMap<string, Take> = new Map([
  ['profile', oneAtATime(cpu)],
  ['heap', oneAtATime((session, wait) => heap(session, wait, false))],
  ['allocs', oneAtATime((session, wait) => heap(session, wait, true))],
]);

function oneAtATime(take: (session: Session, wait: () => Promise<void>) => Promise<Uint8Array>): Take {
  return async (seconds, signal) => {
    if (taking) return undefined;
    taking = true;
    const session = new Session();
    try {
      session.connect();
      return await promisify(gzip)(await take(session, () => systemClock.sleep(seconds * 1000, signal)));
    } finally {
      session.disconnect();
      taking = false;
    }
  };
}

async function cpu(session: Session, wait: () => Promise<void>): Promise<Uint8Array> {
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  await wait();
  return cpuProfile((await session.post('Profiler.stop')).profile);
}

async function heap(session: Session, wait: () => Promise<void>, withCollected: boolean): Promise<Uint8Array> {
  await session.post('HeapProfiler.enable');
  await session.post('HeapProfiler.startSampling', {
    includeObjectsCollectedByMajorGC: withCollected,
    includeObjectsCollectedByMinorGC: withCollected,
  });
  await wait();
  return heapProfile((await session.post('HeapProfiler.stopSampling')).profile, withCollected ? 'alloc' : 'inuse');
}
