import type { Profiler } from 'node:inspector';
import { type CallFrame, PprofWriter } from './pprof-writer.ts';

/** Not what the CPU does. */
const idle = new Set(['(idle)', '(root)']);

/** What V8 saw of a thread's time as pprof has it: samples, and nanoseconds of CPU. */
export function cpuProfile(profile: Profiler.Profile): Uint8Array {
  const { nodes, startTime, endTime, samples = [], timeDeltas = [] } = profile;
  const writer = new PprofWriter({
    types: [
      ['samples', 'count'],
      ['cpu', 'nanoseconds'],
    ],
    durationNanos: Math.max(0, endTime - startTime) * 1000,
  });
  const seen = new Map<number, [count: number, nanos: number]>();
  for (const [i, id] of samples.entries()) {
    const [count, nanos] = seen.get(id) ?? [0, 0];
    // A sample lasts until the next one.
    seen.set(id, [count + 1, nanos + Math.max(0, timeDeltas[i + 1] ?? 0) * 1000]);
  }
  const parents = new Map(nodes.flatMap((node) => (node.children ?? []).map((child) => [child, node] as const)));
  for (const node of nodes) {
    const values = seen.get(node.id);
    if (!values || idle.has(node.callFrame.functionName)) continue;
    const stack: CallFrame[] = [];
    for (
      let at: Profiler.ProfileNode | undefined = node;
      at && !idle.has(at.callFrame.functionName);
      at = parents.get(at.id)
    )
      stack.push(at.callFrame);
    writer.add(stack, values);
  }
  return writer.finish();
}
