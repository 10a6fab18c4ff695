import type { Duplex } from 'node:stream';
import type { cri, ServiceClient } from '@berth/protos';
import type { TerminalStreams } from '../node-api.ts';

/**
 * What the kubelet needs of a node's containers: CRI v1 and nothing else. The embedded runtime implements it in this process;
 * containerd and CRI-O through their socket. All methods throw GrpcError with the codes CRI runtimes use.
 */
export interface ContainerRuntime {
  readonly runtime: ServiceClient<cri.RuntimeService>;
  readonly images: ServiceClient<cri.ImageService>;
  readonly streams: ContainerStreams;
}

/** CRI's streaming endpoints without the URL detour: a socket adapter dials the URL that CRI's Exec returns. */
export interface ContainerStreams {
  exec(containerId: string, command: readonly string[], streams: TerminalStreams, signal: AbortSignal): Promise<number>;
  attach(containerId: string, streams: TerminalStreams, signal: AbortSignal): Promise<void>;
  portForward(sandboxId: string, port: number, signal: AbortSignal): Promise<Duplex>;
}
