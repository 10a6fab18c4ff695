import type { Container, Volume, VolumeDevice, VolumeMount } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { forbidden, invalid, notFound, notSupported, required } from '../../field.ts';
import { descendingPath, noBacksteps } from '../../paths.ts';

type Volumes = ReadonlyMap<string, Volume>;

/** Mounts and devices name volumes of the pod and don't meet in the container (ValidateVolumeMounts, ValidateVolumeDevices). */
export function validateMounts(container: Container, volumes: Volumes, path: string): FieldError[] {
  const { volumeMounts = [], volumeDevices = [] } = container;
  const paths = new Set<string>();
  return [
    ...volumeMounts.flatMap((mount, index) => {
      const errors = validateMount(mount, { container, volumes, paths, list: `${path}.volumeMounts`, index });
      paths.add(mount.mountPath);
      return errors;
    }),
    ...validateDevices(volumeDevices, { volumeMounts, volumes, field: `${path}.volumeDevices` }),
  ];
}

interface MountContext {
  readonly container: Container;
  readonly volumes: Volumes;
  readonly paths: ReadonlySet<string>;
  readonly list: string;
  readonly index: number;
}

function validateMount(mount: VolumeMount, { container, volumes, paths, list, index }: MountContext): FieldError[] {
  const field = `${list}[${index}]`;
  const devices = container.volumeDevices ?? [];
  const { name = '', mountPath = '' } = mount;
  return [
    ...(name ? [] : [required(`${field}.name`)]),
    ...(volumes.has(name) ? [] : [notFound(`${field}.name`, name)]),
    ...(mountPath ? [] : [required(`${field}.mountPath`)]),
    ...(paths.has(mountPath) ? [invalid(`${field}.mountPath`, mountPath, 'must be unique')] : []),
    ...(devices.some((device) => device.name === name)
      ? [invalid(`${field}.name`, name, 'must not already exist in volumeDevices')]
      : []),
    ...(devices.some((device) => device.devicePath === mountPath)
      ? [invalid(`${field}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices')]
      : []),
    ...subPathErrors(mount, list, field),
    ...propagationErrors(mount, container, `${list}.mountPropagation`),
    ...recursiveReadOnlyErrors(mount, `${list}.recursiveReadOnly`),
  ];
}

/** Upstream puts the list's path, not the mount's, on a wrong subPath. */
function subPathErrors({ subPath, subPathExpr }: VolumeMount, list: string, field: string): FieldError[] {
  return [
    ...(subPath ? descendingPath(subPath, `${list}.subPath`) : []),
    ...(subPathExpr && subPath
      ? [invalid(`${field}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive')]
      : []),
    ...(subPathExpr ? descendingPath(subPathExpr, `${list}.subPathExpr`) : []),
  ];
}

const propagations = ['Bidirectional', 'HostToContainer', 'None'];

function propagationErrors({ mountPropagation }: VolumeMount, container: Container, field: string): FieldError[] {
  if (mountPropagation === undefined) return [];
  return [
    ...(propagations.includes(mountPropagation) ? [] : [notSupported(field, mountPropagation, propagations)]),
    ...(mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true
      ? [forbidden(field, 'Bidirectional mount propagation is available only to privileged containers')]
      : []),
  ];
}

function recursiveReadOnlyErrors(mount: VolumeMount, field: string): FieldError[] {
  const mode = mount.recursiveReadOnly;
  if (mode === undefined || mode === 'Disabled') return [];
  if (mode !== 'Enabled' && mode !== 'IfPossible')
    return [notSupported(field, mode, ['Disabled', 'Enabled', 'IfPossible'])];
  return [
    ...(mount.readOnly ? [] : [forbidden(field, 'may only be specified when readOnly is true')]),
    ...(mount.mountPropagation === undefined || mount.mountPropagation === 'None'
      ? []
      : [forbidden(field, 'may only be specified when mountPropagation is None or not specified')]),
  ];
}

interface DeviceContext {
  readonly volumeMounts: readonly VolumeMount[];
  readonly volumes: Volumes;
  readonly field: string;
}

function validateDevices(devices: readonly VolumeDevice[], context: DeviceContext): FieldError[] {
  const names = new Set<string>();
  const paths = new Set<string>();
  return devices.flatMap((device, index) => {
    const { name = '', devicePath = '' } = device;
    const field = `${context.field}[${index}]`;
    const errors = [
      ...(name ? [] : [required(`${field}.name`)]),
      ...(names.has(name) ? [invalid(`${field}.name`, name, 'must be unique')] : []),
      ...deviceSourceErrors(name, context.volumes, field),
      ...(devicePath ? [] : [required(`${field}.devicePath`)]),
      ...(paths.has(devicePath) ? [invalid(`${field}.devicePath`, devicePath, 'must be unique')] : []),
      ...(noBacksteps(devicePath, field).length > 0
        ? [invalid(`${field}.devicePath`, devicePath, "can not contain backsteps ('..')")]
        : []),
      ...meetingMounts(device, context.volumeMounts, field),
    ];
    paths.add(devicePath);
    if (name) names.add(name);
    return errors;
  });
}

function deviceSourceErrors(name: string, volumes: Volumes, field: string): FieldError[] {
  const volume = volumes.get(name);
  if (!volume) return [notFound(`${field}.name`, name)];
  if (volume.persistentVolumeClaim || volume.ephemeral) return [];
  const text = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
  return [invalid(`${field}.name`, name, text)];
}

function meetingMounts(device: VolumeDevice, mounts: readonly VolumeMount[], field: string): FieldError[] {
  return [
    ...(mounts.some(({ name }) => name === device.name)
      ? [invalid(`${field}.name`, device.name, 'must not already exist in volumeMounts')]
      : []),
    ...(mounts.some(({ mountPath }) => mountPath === device.devicePath)
      ? [invalid(`${field}.devicePath`, device.devicePath, 'must not already exist as a path in volumeMounts')]
      : []),
  ];
}
