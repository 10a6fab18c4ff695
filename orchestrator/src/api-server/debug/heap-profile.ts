import type { HeapProfiler } from 'node:inspector';
import { type CallFrame, PprofWriter } from './pprof-writer.ts';

/** What V8 saw of a thread's memory as pprof has it: the bytes that samples stand for. */
export function heapProfile({ head }: HeapProfiler.SamplingHeapProfile, what: 'inuse' | 'alloc'): Uint8Array {
  const writer = new PprofWriter({ types: [[`${what}_space`, 'bytes']], durationNanos: 0 });
  const visit = ({ selfSize, callFrame, children }: HeapProfiler.SamplingHeapProfileNode, callers: CallFrame[]) => {
    const stack = callFrame.functionName === '(root)' ? callers : [callFrame, ...callers];
    if (selfSize > 0) writer.add(stack, [Math.round(selfSize)]);
    for (const child of children) visit(child, stack);
  };
  visit(head, []);
  return writer.finish();
}
