import { join } from 'node:path';
import { type Clock, type Logger, messageOf, ownMember } from '@berth/kit';
import type { Container, Pod, VolumeMount } from '@berth/kube';
import type { Mounter } from '@berth/linux';
import type { Layout } from '../kubelet-dir/layout.ts';
import { isOnNetwork } from '../mount-table.ts';
import { fieldText } from '../plugins/content/downward.ts';
import type { ContainerDevice, ContainerMount, MountedVolume } from '../volume-manager.ts';
import { uidOf, type VolumeSpec } from '../volume-spec.ts';
import { expandSubPath } from './expand-sub-path.ts';
import { prepareInChild, SubPathFailure } from './prepare-in-child.ts';
import { bindSubPath, ensureSubPath, type SubPath } from './prepare-sub-path.ts';

export interface ContainerVolumesOptions {
  readonly layout: Layout;
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly log: Logger;
  readonly pod: Pod;
  readonly containerName: string;
  /** The container's environment, for subPathExpr; what the pod itself says of it where absent. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** By the volume's name inside the pod. */
  readonly volumes: ReadonlyMap<string, { readonly spec: VolumeSpec; readonly mounted: MountedVolume }>;
}

/** What a container gets of its pod's volumes (upstream kubelet_pods.go makeMounts, makeBlockVolumes). */
export async function containerVolumes(options: ContainerVolumesOptions): Promise<{
  mounts: readonly ContainerMount[];
  devices: readonly ContainerDevice[];
}> {
  const container = findContainer(options.pod, options.containerName);
  const mounts: ContainerMount[] = [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    mounts.push(await mountOf(options, { container, mount, index }));
  }
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

async function mountOf(
  options: ContainerVolumesOptions,
  { container, mount, index }: MountFacts,
): Promise<ContainerMount> {
  const volume = options.volumes.get(mount.name);
  if (volume?.mounted.kind !== 'filesystem') {
    throw new Error(`cannot find volume "${mount.name}" to mount into container "${container.name}"`);
  }
  const subPath = subPathOf(options, container, mount);
  const readOnly = volume.mounted.readOnly || mount.readOnly === true;
  const hostPath =
    subPath === ''
      ? volume.mounted.hostPath
      : await prepared(options, {
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
async function prepared(options: ContainerVolumesOptions, facts: SubPathFacts): Promise<string> {
  const { layout, log, pod, containerName } = options;
  const about = `volumeMount "${facts.mount.name}" of container "${containerName}"`;
  const fields = { pod: `${pod.metadata.namespace}/${pod.metadata.name}`, container: containerName };
  const target = join(layout.subPaths(uidOf(pod)), facts.specName, containerName, String(facts.index));
  const { volume, subPath, readOnly } = facts;
  try {
    await prepare(options, { volume, subPath, target, readOnly });
    return target;
  } catch (error) {
    const isCreating = error instanceof SubPathFailure && error.step === 'create';
    const words = isCreating
      ? `failed to create subPath directory for ${about}`
      : `failed to prepare subPath for ${about}`;
    log.warn(words, { ...fields, error, detail: messageOf(error) });
    throw new Error(words);
  }
}

async function prepare({ mounter, clock }: ContainerVolumesOptions, wanted: SubPath): Promise<void> {
  if (await isOnNetwork(mounter, wanted.volume)) return await prepareInChild(wanted, clock);
  try {
    ensureSubPath(wanted.volume, wanted.subPath);
  } catch (error) {
    throw new SubPathFailure('create', messageOf(error));
  }
  bindSubPath(mounter, wanted);
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
    name === undefined ? '$' : (ownMember(env, name) ?? match),
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
