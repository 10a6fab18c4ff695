import { join } from 'node:path';
import type { Pod } from '@berth/kube';
import type { cri, Init } from '@berth/protos';
import { dotted } from '../pods/admit-sysctls.ts';
import { containersOf, initContainersOf, uidOf } from '../pods/pod-facts.ts';
import { annotations, labels } from '../pods/runtime-labels.ts';
import { qosClassOf } from '../status/pod-qos.ts';
import { type ClusterDns, podDns } from './dns-config.ts';
import { podHostname } from './hosts-file.ts';
import { podCgroupPath, podLimits } from './linux-resources.ts';
import { namespaceOptions, supplementalGroups } from './security.ts';

/** The node's part in a sandbox's configuration. */
export interface SandboxFacts {
  readonly logs: string;
  readonly cgroupRoot: string;
  readonly nodeHostname: string;
  readonly dns: ClusterDns;
  readonly nowMs: number;
}

/** `<logs>/<namespace>_<name>_<uid>`: where the log files of a pod lie. */
export function podLogDirectory(logs: string, pod: Pod): string {
  return join(logs, `${pod.metadata.namespace}_${pod.metadata.name}_${uidOf(pod)}`);
}

/** What CRI needs to make a pod's sandbox (kuberuntime_sandbox.go generatePodSandboxConfig). */
export function sandboxConfig(pod: Pod, attempt: number, facts: SandboxFacts): Init<cri.PodSandboxConfig> {
  const { name = '', namespace = '' } = pod.metadata;
  const uid = uidOf(pod);
  const qos = qosClassOf(pod);
  const hostNetwork = pod.spec?.hostNetwork ?? false;
  return {
    metadata: { name, namespace, uid, attempt },
    ...(hostNetwork ? {} : { hostname: podHostname(pod, facts.nodeHostname) }),
    logDirectory: podLogDirectory(facts.logs, pod),
    dnsConfig: podDns(pod, facts.dns),
    portMappings: hostNetwork ? [] : portMappings(pod),
    labels: {
      ...pod.metadata.labels,
      [labels.podName]: name,
      [labels.podNamespace]: namespace,
      [labels.podUid]: uid,
    },
    annotations: {
      ...pod.metadata.annotations,
      [annotations.configSeen]: new Date(facts.nowMs).toISOString(),
      [annotations.configSource]: 'api',
    },
    linux: {
      cgroupParent: podCgroupPath(facts.cgroupRoot, qos, uid),
      sysctls: Object.fromEntries(
        (pod.spec?.securityContext?.sysctls ?? []).map(({ name: key, value }) => [dotted(key), value]),
      ),
      securityContext: sandboxSecurity(pod),
      resources: sandboxResources(pod),
    },
  };
}

function sandboxSecurity(pod: Pod): Init<cri.LinuxSandboxSecurityContext> {
  const context = pod.spec?.securityContext;
  const privileged = [...containersOf(pod), ...initContainersOf(pod)].some((spec) => spec.securityContext?.privileged);
  return {
    privileged,
    namespaceOptions: namespaceOptions(pod),
    seccomp: { profileType: privileged ? 'Unconfined' : 'RuntimeDefault' },
    ...(context?.runAsUser === undefined ? {} : { runAsUser: { value: String(context.runAsUser) } }),
    ...(context?.runAsGroup === undefined ? {} : { runAsGroup: { value: String(context.runAsGroup) } }),
    supplementalGroups: supplementalGroups(pod),
  };
}

function sandboxResources(pod: Pod): Init<cri.LinuxContainerResources> {
  const limits = podLimits(pod, qosClassOf(pod));
  return {
    cpuShares: String(limits.cpuShares),
    cpuPeriod: String(limits.cpuPeriodUs ?? 100_000),
    cpuQuota: String(limits.cpuQuotaUs ?? 0),
    memoryLimitInBytes: String(limits.memoryBytes ?? 0),
  };
}

function portMappings(pod: Pod): Init<cri.PortMapping>[] {
  return containersOf(pod)
    .flatMap(({ ports = [] }) => ports)
    .filter(({ hostPort }) => hostPort !== undefined && hostPort > 0)
    .map(({ protocol = 'TCP', containerPort, hostPort = 0, hostIP = '' }) => ({
      protocol: protocol as cri.Protocol,
      containerPort,
      hostPort,
      hostIp: hostIP,
    }));
}
