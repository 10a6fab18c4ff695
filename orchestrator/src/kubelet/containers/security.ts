import type { Container, Pod, SeccompProfile } from '@berth/kube';
import type { cri, Init } from '@berth/protos';
import { describePod } from '../pods/pod-facts.ts';
import { StartError } from './start-error.ts';

/** What of an image decides whom its process runs as. */
export interface ImageUser {
  readonly uid: string | undefined;
  readonly username: string;
}

/** Paths hidden or read-only in an unprivileged container with procMount Default (kubernetes securitycontext/util.go). */
const maskedPaths = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

export function namespaceOptions(pod: Pod): Init<cri.NamespaceOption> {
  const spec = pod.spec;
  return {
    network: spec?.hostNetwork ? 'NODE' : 'POD',
    ipc: spec?.hostIPC ? 'NODE' : 'POD',
    pid: spec?.hostPID ? 'NODE' : spec?.shareProcessNamespace ? 'POD' : 'CONTAINER',
  };
}

/** fsGroup and supplementalGroups of a pod, for its sandbox and every container. */
export function supplementalGroups(pod: Pod): string[] {
  const context = pod.spec?.securityContext;
  const groups = [...(context?.supplementalGroups ?? [])];
  if (context?.fsGroup !== undefined) groups.unshift(context.fsGroup);
  return [...new Set(groups)].map(String);
}

/**
 * A container's security context in CRI's terms (kuberuntime/security_context.go determineEffectiveSecurityContext).
 * `targetId` is the container whose processes it is to see.
 */
export function containerSecurity(
  pod: Pod,
  spec: Container,
  targetId?: string,
): Init<cri.LinuxContainerSecurityContext> {
  const namespaces = namespaceOptions(pod);
  const joined = targetId !== undefined && namespaces.pid === 'CONTAINER';
  const own = spec.securityContext;
  const shared = pod.spec?.securityContext;
  const runAsUser = own?.runAsUser ?? shared?.runAsUser;
  const runAsGroup = own?.runAsGroup ?? shared?.runAsGroup;
  const privileged = own?.privileged ?? false;
  const unmasked = privileged || own?.procMount === 'Unmasked';
  return {
    privileged,
    capabilities: {
      addCapabilities: own?.capabilities?.add ?? [],
      dropCapabilities: own?.capabilities?.drop ?? [],
    },
    namespaceOptions: joined ? { ...namespaces, pid: 'TARGET', targetId } : namespaces,
    ...(runAsUser === undefined ? {} : { runAsUser: { value: String(runAsUser) } }),
    ...(runAsGroup === undefined ? {} : { runAsGroup: { value: String(runAsGroup) } }),
    readonlyRootfs: own?.readOnlyRootFilesystem ?? false,
    supplementalGroups: supplementalGroups(pod),
    supplementalGroupsPolicy: shared?.supplementalGroupsPolicy === 'Strict' ? 'Strict' : 'Merge',
    noNewPrivs: own?.allowPrivilegeEscalation === false,
    maskedPaths: unmasked ? [] : maskedPaths,
    readonlyPaths: unmasked ? [] : readonlyPaths,
    seccomp: seccompProfile(own?.seccompProfile ?? shared?.seccompProfile, privileged),
  };
}

function seccompProfile(profile: SeccompProfile | undefined, privileged: boolean): Init<cri.SecurityProfile> {
  if (privileged || !profile || profile.type === 'Unconfined') return { profileType: 'Unconfined' };
  if (profile.type === 'RuntimeDefault') return { profileType: 'RuntimeDefault' };
  return { profileType: 'Localhost', localhostRef: profile.localhostProfile ?? '' };
}

/** @throws StartError CreateContainerConfigError – runAsNonRoot is asked and the container would run as root, or may. */
export function verifyRunAsNonRoot(pod: Pod, spec: Container, image: ImageUser): void {
  const own = spec.securityContext;
  const shared = pod.spec?.securityContext;
  if (!(own?.runAsNonRoot ?? shared?.runAsNonRoot ?? false)) return;
  const refuse = (why: string): never => {
    throw new StartError(
      'CreateContainerConfigError',
      `${why} (pod: ${JSON.stringify(describePod(pod))}, container: ${spec.name})`,
    );
  };
  const runAsUser = own?.runAsUser ?? shared?.runAsUser;
  if (runAsUser !== undefined) {
    if (runAsUser === 0) refuse("container's runAsUser breaks non-root policy");
    return;
  }
  if (image.uid === '0') refuse('container has runAsNonRoot and image will run as root');
  if (image.uid === undefined && image.username !== '') {
    refuse(
      `container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root`,
    );
  }
  if (image.uid === undefined) refuse('container has runAsNonRoot and image will run as root');
}
