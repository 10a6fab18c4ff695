import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Container, Pod } from '@berth/kube';
import type { cri, Init } from '@berth/protos';
import type { ContainerDevice, ContainerMount } from '@berth/volume-manager';
import { uidOf } from '../pods/pod-facts.ts';
import { annotations, labels } from '../pods/runtime-labels.ts';
import { qosClassOf } from '../status/pod-qos.ts';
import { containerHash } from './container-hash.ts';
import { expandCommand } from './expand-variables.ts';
import { linuxResources } from './linux-resources.ts';
import { containerSecurity } from './security.ts';

export interface ContainerConfigInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly restartCount: number;
  readonly imageRef: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly volumes: { readonly mounts: readonly ContainerMount[]; readonly devices: readonly ContainerDevice[] };
  /** The pod's managed /etc/hosts, where the container brings none of its own. */
  readonly hostsPath: string;
  /** A file whose end is the container's termination message. */
  readonly terminationMessageFile: string;
  readonly nodeMemoryBytes: number;
  /** The running container whose processes an ephemeral one is to see. */
  readonly targetId?: string | undefined;
}

/** What CRI needs to create a container (kuberuntime_container.go generateContainerConfig). */
export function containerConfig(input: ContainerConfigInput): Init<cri.ContainerConfig> {
  const { pod, container, restartCount, environment } = input;
  const given = environment.entries().reduce((sum, [key, value]) => sum + key.length + value.length, 0);
  const { command = [], args = [] } = container;
  const expanded = expandCommand([...command, ...args], (name) => environment.get(name), given);
  return {
    metadata: { name: container.name, attempt: restartCount },
    image: { image: input.imageRef, userSpecifiedImage: container.image ?? '' },
    command: expanded.slice(0, command.length),
    args: expanded.slice(command.length),
    workingDir: container.workingDir ?? '',
    envs: [...environment].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: mounts(input),
    devices: input.volumes.devices.map(({ containerPath, hostPath, readOnly }) => ({
      containerPath,
      hostPath,
      permissions: readOnly ? 'r' : 'mrw',
    })),
    labels: {
      [labels.podName]: pod.metadata.name ?? '',
      [labels.podNamespace]: pod.metadata.namespace ?? '',
      [labels.podUid]: uidOf(pod),
      [labels.containerName]: container.name,
    },
    annotations: containerAnnotations(pod, container, restartCount),
    logPath: `${container.name}/${restartCount}.log`,
    stdin: container.stdin ?? false,
    stdinOnce: container.stdinOnce ?? false,
    tty: container.tty ?? false,
    linux: {
      resources: linuxResources(container, qosClassOf(pod), input.nodeMemoryBytes),
      securityContext: containerSecurity(pod, container, input.targetId),
    },
    ...(container.lifecycle?.stopSignal ? { stopSignal: container.lifecycle.stopSignal as cri.Signal } : {}),
  };
}

function mounts({ container, volumes, hostsPath, terminationMessageFile }: ContainerConfigInput): Init<cri.Mount>[] {
  const own = volumes.mounts.map((mount) => ({
    containerPath: mount.containerPath,
    hostPath: mount.hostPath,
    readonly: mount.readOnly,
    recursiveReadOnly: mount.recursiveReadOnly,
    propagation: propagations[mount.propagation],
  }));
  const taken = new Set(volumes.mounts.map(({ containerPath }) => containerPath));
  const managed = [
    { containerPath: '/etc/hosts', hostPath: hostsPath },
    { containerPath: container.terminationMessagePath ?? '', hostPath: terminationMessageFile },
  ].filter(({ containerPath, hostPath }) => containerPath !== '' && hostPath !== '' && !taken.has(containerPath));
  return [...own, ...managed];
}

const propagations = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const satisfies Record<ContainerMount['propagation'], cri.MountPropagation>;

function containerAnnotations(pod: Pod, container: Container, restartCount: number): Record<string, string> {
  const { deletionGracePeriodSeconds } = pod.metadata;
  const grace = pod.spec?.terminationGracePeriodSeconds;
  const preStop = container.lifecycle?.preStop;
  return {
    [annotations.hash]: containerHash(container),
    [annotations.restartCount]: String(restartCount),
    [annotations.terminationMessagePath]: container.terminationMessagePath ?? '',
    [annotations.terminationMessagePolicy]: container.terminationMessagePolicy ?? 'File',
    ...(grace === undefined ? {} : { [annotations.gracePeriod]: String(grace) }),
    ...(deletionGracePeriodSeconds === undefined
      ? {}
      : { [annotations.deletionGracePeriod]: String(deletionGracePeriodSeconds) }),
    ...(preStop ? { [annotations.preStopHandler]: JSON.stringify(preStop) } : {}),
    ...(container.ports ? { [annotations.ports]: JSON.stringify(container.ports) } : {}),
  };
}

/** An empty file outside the container's root, which any of its users may write (kubelet makes it 0666). */
export async function createTerminationMessageFile(podDir: string, container: string, id: string): Promise<string> {
  const directory = join(podDir, 'containers', container);
  await mkdir(directory, { recursive: true, mode: 0o750 });
  const path = join(directory, id);
  await using file = await open(path, 'wx', 0o666);
  await file.chmod(0o666);
  return path;
}
