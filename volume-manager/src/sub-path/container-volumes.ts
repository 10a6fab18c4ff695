import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Logger, messageOf } from '@berth/kit';
import type { Container, Pod, VolumeMount } from '@berth/kube';
import type { Mounter } from '@berth/linux';
import type { Layout } from '../kubelet-dir/layout.ts';
import { fieldText } from '../plugins/content/downward.ts';
import type { ContainerDevice, ContainerMount, MountedVolume } from '../volume-manager.ts';
import { uidOf, type VolumeSpec } from '../volume-spec.ts';
import { expandSubPath } from './expand-sub-path.ts';
import { bindSubPath, makeSubPath } from './prepare-sub-path.ts';

export interface ContainerVolumesOptions {
  readonly layout: Layout;
  readonly mounter: Mounter;
  readonly log: Logger;
  readonly pod: Pod;
  readonly containerName: string;
  /** The container's environment, for subPathExpr; what the pod itself says of it where absent. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** By the volume's name inside the pod. */
  readonly volumes: ReadonlyMap<string, { readonly spec: VolumeSpec; readonly mounted: MountedVolume }>;
}

/** What a container gets of its pod's volumes (upstream kubelet_pods.go makeMounts, makeBlockVolumes). */
export function containerVolumes(options: ContainerVolumesOptions): {
  mounts: readonly ContainerMount[];
  devices: readonly ContainerDevice[];
} {
  const container = findContainer(options.pod, options.containerName);
  const mounts = (container.volumeMounts ?? []).map((mount, index) => mountOf(options, { container, mount, index }));
  const devices = (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = options.volumes.get(name)?.mounted;
    if (volume?.kind !== 'block')
      throw new Error(`cannot find volume "${name}" to pass into container "${container.name}"`);
    return { containerPath: devicePath, hostPath: volume.devicePath, readOnly: volume.readOnly };
  });
  return { mounts, devices };
}

interface MountFacts {
  readonly container: Container;
  readonly mount: VolumeMount;
  readonly index: number;
}

function mountOf(options: ContainerVolumesOptions, { container, mount, index }: MountFacts): ContainerMount {
  const volume = options.volumes.get(mount.name);
  if (volume?.mounted.kind !== 'filesystem') {
    throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
  }
  const subPath = subPathOf(options, container, mount);
  const readOnly = volume.mounted.readOnly || mount.readOnly === true;
  const hostPath =
    subPath === ''
      ? volume.mounted.hostPath
      : prepared(options, {
          volume: volume.mounted.hostPath,
          specName: volume.spec.specName,
          subPath,
          mount,
          index,
          readOnly,
        });
  return {
    containerPath: mount.mountPath,
    hostPath,
    readOnly,
    recursiveReadOnly: readOnly && (mount.recursiveReadOnly ?? 'Disabled') !== 'Disabled',
    propagation: propagationOf(mount),
  };
}

interface SubPathFacts {
  readonly volume: string;
  readonly specName: string;
  readonly subPath: string;
  readonly mount: VolumeMount;
  readonly index: number;
  readonly readOnly: boolean;
}

/** The causes go to the log alone: they would tell a pod about the node's files. */
function prepared(options: ContainerVolumesOptions, facts: SubPathFacts): string {
  const { layout, mounter, log, pod, containerName } = options;
  const about = `volumeMount "${facts.mount.name}" of container "${containerName}"`;
  const fields = { pod: `${pod.metadata.namespace}/${pod.metadata.name}`, container: containerName };
  try {
    if (!existsSync(join(facts.volume, facts.subPath))) makeSubPath(facts.volume, facts.subPath);
  } catch (error) {
    log.warn(`failed to create subPath directory for ${about}`, { ...fields, error, detail: messageOf(error) });
    throw new Error(`failed to create subPath directory for ${about}`);
  }
  const target = join(layout.subPaths(uidOf(pod)), facts.specName, containerName, String(facts.index));
  try {
    bindSubPath(mounter, { volume: facts.volume, subPath: facts.subPath, target, readOnly: facts.readOnly });
    return target;
  } catch (error) {
    log.warn(`failed to prepare subPath for ${about}`, { ...fields, error, detail: messageOf(error) });
    throw new Error(`failed to prepare subPath for ${about}`);
  }
}

/** @throws Error – the path is absolute or goes back, in kubelet's words. */
function subPathOf(options: ContainerVolumesOptions, container: Container, mount: VolumeMount): string {
  const subPath = mount.subPathExpr
    ? expandSubPath(mount.subPathExpr, options.env ?? ownEnvironment(options.pod, container))
    : (mount.subPath ?? '');
  if (subPath.startsWith('/')) throw new Error(`error SubPath \`${subPath}\` must not be an absolute path`);
  if (subPath.split('/').includes('..')) {
    throw new Error(`unable to provision SubPath \`${subPath}\`: must not contain '..'`);
  }
  if (subPath.includes('\0')) throw new Error('unable to provision SubPath: must not contain NUL');
  return subPath;
}

/** The variables whose values the pod itself holds. */
function ownEnvironment(pod: Pod, container: Container): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { name, value, valueFrom } of container.env ?? []) {
    if (valueFrom?.fieldRef) env[name] = fieldText(pod, valueFrom.fieldRef.fieldPath);
    else if (!valueFrom) env[name] = expandKnown(value ?? '', env);
  }
  return env;
}

/** In a variable's own value, unknown references stay as they are written. */
function expandKnown(value: string, env: Readonly<Record<string, string>>): string {
  return value.replace(/\$\$|\$\(([^()]*)\)/g, (match, name?: string) =>
    name === undefined ? '$' : (env[name] ?? match),
  );
}

function propagationOf(mount: VolumeMount): ContainerMount['propagation'] {
  const { mountPropagation } = mount;
  return mountPropagation === 'HostToContainer' || mountPropagation === 'Bidirectional' ? mountPropagation : 'None';
}

function findContainer(pod: Pod, name: string): Container {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = pod.spec ?? {};
  const found = [...containers, ...initContainers, ...ephemeralContainers].find((one) => one.name === name);
  if (!found) throw new Error(`pod ${pod.metadata.name} has no container "${name}"`);
  return found as Container;
}
