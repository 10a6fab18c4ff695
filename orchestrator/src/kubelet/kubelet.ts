import type { NodeApi } from '../node-api.ts';
import type { KubeletOptions } from './kubelet-options.ts';

/** One node at work. Disposing stops it and leaves its pods and mounts as they are, for the next start to adopt. */
export interface Kubelet extends AsyncDisposable {
  readonly api: NodeApi;
  /** Resolves when the node object is written with condition Ready=True and every pod of the node was seen once. */
  readonly ready: Promise<void>;
}

/** Starts the kubelet of one node; resolves once its loops run, before it is ready. */
export type StartKubelet = (options: KubeletOptions, signal: AbortSignal) => Promise<Kubelet>;
