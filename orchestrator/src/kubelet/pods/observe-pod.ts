import { withTerminationMessages } from '../containers/termination-message.ts';
import type { NodeContext } from '../node-context.ts';
import type { PodState } from './pod-state.ts';
import { readRuntimePod } from './runtime-pod.ts';

/** Looks at what the runtime has of a pod now, and lets the probes follow. */
export async function observePod(node: NodeContext, state: PodState, signal: AbortSignal): Promise<void> {
  const seen = await readRuntimePod(node.options.runtime, state.uid, signal);
  state.seen = await withTerminationMessages(state.pod, seen);
  state.prober.observe(state.pod, state.seen);
}
