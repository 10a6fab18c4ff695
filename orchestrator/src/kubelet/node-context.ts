import { join } from 'node:path';
import type { Pod, Service } from '@berth/kube';
import { CrashBackoff } from './containers/crash-backoff.ts';
import { ImagePuller } from './containers/image-puller.ts';
import type { PodCgroups } from './containers/pod-cgroups.ts';
import type { KubeletOptions } from './kubelet-options.ts';
import type { MachineFacts } from './node/machine-facts.ts';
import { EnvironmentWatch } from './pods/environment-watch.ts';
import type { StatusWriter } from './status/status-writer.ts';

/** What the parts of one kubelet share. */
export interface NodeContext {
  readonly options: KubeletOptions;
  readonly machine: MachineFacts;
  readonly cgroups: PodCgroups;
  readonly statuses: StatusWriter;
  readonly images: ImagePuller;
  readonly crashes: CrashBackoff;
  /** Tells when what a container's environment lacked has come. */
  readonly environments: EnvironmentWatch;
  /** Prefix of container ids in statuses, such as `containerd`. */
  readonly runtimeName: string;
  readonly services: () => readonly Service[];
  /** The volumes in use may be others now: the node's status tells them. */
  readonly onVolumesChanged: () => void;
  /** /etc/resolv.conf and /etc/hosts of the node, as they were at the start. */
  readonly nodeFiles: { readonly resolvConf: string; readonly hosts: string };
}

export interface NodeContextInput {
  readonly options: KubeletOptions;
  readonly machine: MachineFacts;
  readonly cgroups: PodCgroups;
  readonly statuses: StatusWriter;
  readonly runtimeName: string;
  readonly services: () => readonly Service[];
  readonly onVolumesChanged: () => void;
  readonly nodeFiles: NodeContext['nodeFiles'];
}

export function nodeContext(input: NodeContextInput): NodeContext {
  const { clock, runtime, informers } = input.options;
  return {
    ...input,
    images: new ImagePuller(runtime.images, clock),
    crashes: new CrashBackoff(clock),
    environments: new EnvironmentWatch(informers),
  };
}

/** `<root>/pods/<uid>`: the pod's own directory, which the volume manager uses too. */
export function podDirectory({ options }: NodeContext, uid: string): string {
  return join(options.dirs.root, 'pods', uid);
}

export function sandboxFacts({ options, machine, nodeFiles }: NodeContext) {
  return {
    logs: options.dirs.logs,
    cgroupRoot: options.cgroupRoot,
    nodeHostname: machine.hostname,
    dns: {
      servers: options.clusterDns ?? [],
      domain: options.clusterDomain ?? 'cluster.local',
      host: nodeFiles.resolvConf,
    },
    nowMs: options.clock.now(),
  };
}

/** Emits an event about a pod of this node, or about one of its containers. */
export function podEvent({ options }: NodeContext, pod: Pod, container?: string) {
  const about = { apiVersion: 'v1', kind: 'Pod', metadata: pod.metadata };
  const part = container === undefined ? {} : { fieldPath: fieldPathOf(pod, container) };
  return (type: 'Normal' | 'Warning', reason: string, message: string) =>
    options.events.event(about, type, reason, message, part);
}

/** `spec.containers{web}`: how an event names a container (kubecontainer.GenerateContainerRef). */
function fieldPathOf(pod: Pod, container: string): string {
  const isInit = pod.spec?.initContainers?.some(({ name }) => name === container) ?? false;
  return `spec.${isInit ? 'initContainers' : 'containers'}{${container}}`;
}
