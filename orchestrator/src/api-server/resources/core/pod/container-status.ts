import type { Container, ContainerStatus, PodSpec, PodStatus } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { duplicate, forbidden, invalid, notSupported, required, tooLong } from '../../field.ts';
import { inRange } from '../../names.ts';

const lists = ['containerStatuses', 'initContainerStatuses', 'ephemeralContainerStatuses'] as const;
type StatusList = (typeof lists)[number];

const largestId = 2 ** 31 - 1;
const longestHealthMessage = 1024;

/** A container that has ended for good can't come back to life. */
export function restartErrors(next: PodStatus, old: PodStatus, spec: PodSpec): FieldError[] {
  const containers: Record<StatusList, readonly Container[]> = {
    containerStatuses: spec.containers ?? [],
    initContainerStatuses: spec.initContainers ?? [],
    ephemeralContainerStatuses: [],
  };
  const all = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const anyRestarts = all.some(({ restartPolicyRules }) =>
    restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers'),
  );
  return lists.flatMap((list) => {
    if (anyRestarts && list !== 'ephemeralContainerStatuses') return [];
    return (old[list] ?? []).flatMap(({ name, state }, index) => {
      const ended = state?.terminated;
      const now = next[list]?.find((status) => status.name === name);
      if (!ended || !now || now.state?.terminated) return [];
      const container = containers[list].find((one) => one.name === name);
      if (container && mayRestart(container, spec, ended.exitCode)) return [];
      return [forbidden(`status.${list}[${index}].state`, 'may not be transitioned to non-terminated state')];
    });
  });
}

/** A rule for the exit code comes before the container's policy, that before the pod's (ContainerShouldRestart). */
function mayRestart({ restartPolicy, restartPolicyRules }: Container, spec: PodSpec, exitCode: number): boolean {
  const rule =
    restartPolicy &&
    restartPolicyRules?.find(({ exitCodes }) => {
      const listed = exitCodes?.values?.includes(exitCode) ?? false;
      return exitCodes?.operator === 'In' ? listed : exitCodes?.operator === 'NotIn' && !listed;
    });
  if (rule && (rule.action === 'Restart' || rule.action === 'RestartAllContainers')) return true;
  const policy = restartPolicy ?? spec.restartPolicy ?? 'Always';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

/** Which images are volumes is told behind a gate that is closed (ImageVolumeWithDigest). */
export function dropVolumeStatuses(status: PodStatus, before: PodStatus): void {
  const mounts = (of: PodStatus) => lists.flatMap((list) => of[list] ?? []).flatMap((each) => each.volumeMounts ?? []);
  if (mounts(before).some(({ volumeStatus }) => volumeStatus)) return;
  for (const mount of mounts(status)) delete mount.volumeStatus;
}

/** Who containers run as and what devices they have. */
export function containerStatusErrors(status: PodStatus, spec: PodSpec): FieldError[] {
  const each = (check: (entry: ContainerStatus, field: string, list: StatusList) => readonly FieldError[]) =>
    lists.flatMap((list) =>
      (status[list] ?? []).flatMap((entry, index) => check(entry, `status.${list}[${index}]`, list)),
    );
  return [
    ...each((entry, field) => userErrors(entry, `${field}.user.linux`, spec.os?.name ?? 'linux')),
    ...each((entry, field, list) => deviceErrors(entry, `${field}.allocatedResourcesStatus`, { list, spec })),
  ];
}

function userErrors({ user }: ContainerStatus, field: string, os: string): FieldError[] {
  const linux = user?.linux;
  if (!linux) return [];
  if (os === 'windows') return [forbidden(field, 'cannot be set for a windows pod')];
  const check = (id: number, path: string) => inRange(id, 0, largestId).map((text) => invalid(path, id, text));
  return [
    ...check(linux.uid ?? 0, `${field}.uid`),
    ...check(linux.gid ?? 0, `${field}.gid`),
    ...(linux.supplementalGroups ?? []).flatMap((id, index) => check(id, `${field}.supplementalGroups[${index}]`)),
  ];
}

function deviceErrors(
  { name: containerName, allocatedResourcesStatus: devices = [] }: ContainerStatus,
  field: string,
  { list, spec }: { readonly list: StatusList; readonly spec: PodSpec },
): FieldError[] {
  if (list === 'ephemeralContainerStatuses')
    return devices.length > 0 ? [forbidden(field, 'must not be specified in container status')] : [];
  const containers = list === 'containerStatuses' ? spec.containers : spec.initContainers;
  const container = containers?.find(({ name }) => name === containerName);
  return devices.flatMap(({ name, resources = [] }, index) => {
    const ids = new Set<string>();
    return [
      ...(container ? unasked(name, container, `${field}[${index}].name`) : []),
      ...resources.flatMap(({ health = '', message, resourceID: id }, at) => {
        const path = `${field}[${index}].resources[${at}]`;
        const repeated = ids.has(id);
        ids.add(id);
        return [...healthErrors(health, message, path), ...(repeated ? [duplicate(`${path}.resourceID`, id)] : [])];
      }),
    ];
  });
}

/** A device is of a claim of the container's, or a resource that it requests. */
function unasked(name: string, { resources }: Container, field: string): FieldError[] {
  if (!name.startsWith('claim:'))
    return resources?.requests?.[name] === undefined
      ? [invalid(field, name, "must match one of the container's resource requests")]
      : [];
  const claimed = resources?.claims?.some((claim) => {
    const request = claim.request ? `/${claim.request}` : '';
    return `claim:${claim.name}${request}` === name;
  });
  const form = "'claim:<claimName>/<request>' or 'claim:<claimName>' if request is empty";
  return claimed ? [] : [invalid(field, name, `must match one of the container's resource claims in a format ${form}`)];
}

function healthErrors(health: string, message: string | undefined, field: string): FieldError[] {
  const known = ['Healthy', 'Unhealthy', 'Unknown'];
  return [
    ...(known.includes(health) ? [] : [notSupported(`${field}.health`, health, known)]),
    ...(message === '' ? [required(`${field}.message`, 'must be non-empty if specified')] : []),
    ...(Buffer.byteLength(message ?? '') > longestHealthMessage
      ? [tooLong(`${field}.message`, longestHealthMessage)]
      : []),
  ];
}
