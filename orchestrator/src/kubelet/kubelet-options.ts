import type { Clock, Logger, Rng } from '@berth/kit';
import type { EventRecorder, Informers, KubeClient } from '@berth/kube';
import type { CsiPlugins, VolumeManager } from '@berth/volume-manager';
import type { ContainerRuntime } from './container-runtime.ts';
import type { PodCgroups } from './containers/pod-cgroups.ts';
import type { MachineFacts } from './node/machine-facts.ts';
import type { NodeMetrics } from './node-metrics.ts';

/** Where a node keeps its files; each is created when missing. */
export interface KubeletDirs {
  /** `pods/<uid>/…` lies beneath it: the volume manager's root too. */
  readonly root: string;
  /** `<namespace>_<name>_<uid>/<container>/<restart>.log` lies beneath it. */
  readonly logs: string;
}

/** Everything a kubelet stands on. */
export interface KubeletOptions {
  readonly nodeName: string;
  /** Writes as field manager `kubelet`. */
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly runtime: ContainerRuntime;
  readonly volumes: VolumeManager;
  /** The drivers of this node, which know how full volumes are; absent: nobody is asked. */
  readonly csi?: Pick<CsiPlugins, 'find'>;
  /** Where it counts what it does; absent: nowhere. */
  readonly metrics?: NodeMetrics;
  readonly dirs: KubeletDirs;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  /** Source component `kubelet`, host the node's name. */
  readonly events: EventRecorder;
  /** The node's addresses (InternalIP), the first being `status.hostIP` of its pods. */
  readonly addresses: readonly string[];
  /** Parent of all pod cgroups of this node, such as `/berth-node-1`. */
  readonly cgroupRoot: string;
  /** Absent: the machine's cgroup file system. */
  readonly cgroups?: PodCgroups;
  /** Absent: read from /proc and /sys. */
  readonly machine?: MachineFacts;
  /** DNS servers for dnsPolicy ClusterFirst; none: the pod gets the node's own. */
  readonly clusterDns?: readonly string[];
  /** Default `cluster.local`. */
  readonly clusterDomain?: string;
  /** True in a process of one node: only its own pods are watched. Else the process' one informer of pods serves all nodes. */
  readonly watchOwnPodsOnly?: boolean;
  /** Of its own server, told in the node's status; absent: it has none. */
  readonly kubeletPort?: number;
  /** Default 110. */
  readonly maxPods?: number;
  /** Added to the labels of the node object. */
  readonly nodeLabels?: Readonly<Record<string, string>>;
  /** `kubeletVersion` of the node object, such as `v1.36.0`. */
  readonly version: string;
}
