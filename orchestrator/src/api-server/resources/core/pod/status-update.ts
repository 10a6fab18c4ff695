import type { ContainerStatus, Pod, PodSpec } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { forbidden, invalid } from '../../field.ts';
import { isIpv4Address, validateIp } from '../../ip.ts';
import { immutable } from '../../metadata.ts';
import { dns1123Subdomain, qualifiedName } from '../../names.ts';

const systemConditions = new Set(['PodScheduled', 'Ready', 'Initialized']);

/** What kubelets, the scheduler and others may write into a pod's status (ValidatePodStatusUpdate). */
export function validateStatusUpdate(next: Pod, old: Pod): FieldError[] {
  const status = next.status ?? {};
  const before = old.status ?? {};
  const spec = old.spec ?? { containers: [] };
  return [
    ...(status.conditions ?? []).flatMap(({ type }, index) =>
      systemConditions.has(type)
        ? []
        : qualifiedName(type).map((text) => invalid(`status.conditions[${index}].Type`, type, text)),
    ),
    ...nominationErrors(next, old),
    ...immutable(status.qosClass ?? '', before.qosClass ?? '', 'status.qosClass'),
    ...(['containerStatuses', 'initContainerStatuses'] as const).flatMap((list) =>
      restartErrors(status[list] ?? [], before[list] ?? [], { spec, list }),
    ),
    ...addressErrors(status.podIPs ?? [], 'status.podIPs'),
    ...hostAddressErrors(next),
  ];
}

function nominationErrors(next: Pod, old: Pod): FieldError[] {
  const name = next.status?.nominatedNodeName;
  if (!name || name === old.status?.nominatedNodeName) return [];
  const field = 'status.nominatedNodeName';
  return [
    ...dns1123Subdomain(name).map((text) => invalid(field, name, text)),
    ...(old.spec?.nodeName ? [forbidden(field, 'may not be set on pods that are already bound to a node')] : []),
  ];
}

/** A container that has ended for good can't come back to life. */
function restartErrors(
  next: readonly ContainerStatus[],
  old: readonly ContainerStatus[],
  { spec, list }: { spec: PodSpec; list: 'containerStatuses' | 'initContainerStatuses' },
): FieldError[] {
  return old.flatMap((before, index) => {
    const ended = before.state?.terminated;
    const now = next.find(({ name }) => name === before.name);
    if (!ended || !now || now.state?.terminated) return [];
    const containers = list === 'containerStatuses' ? spec.containers : spec.initContainers;
    const container = containers?.find(({ name }) => name === before.name);
    if (!container || mayRestart(container.restartPolicy ?? spec.restartPolicy, ended.exitCode)) return [];
    // Rules of a container of its own are the kubelet's to follow.
    if (container.restartPolicyRules?.length) return [];
    return [forbidden(`status.${list}[${index}].state`, 'may not be transitioned to non-terminated state')];
  });
}

function mayRestart(policy: string | undefined, exitCode: number): boolean {
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function addressErrors(addresses: readonly { ip?: string }[], field: string): FieldError[] {
  const families = new Set(addresses.map(({ ip = '' }) => isIpv4Address(ip)));
  return [
    ...addresses.flatMap(({ ip = '' }, index) => validateIp(ip, `${field}[${index}]`)),
    ...(addresses.length > families.size
      ? [invalid(field, addresses, 'may specify no more than one IP for each IP family')]
      : []),
  ];
}

function hostAddressErrors({ status }: Pod): FieldError[] {
  const addresses = status?.hostIPs ?? [];
  if (addresses.length === 0) return [];
  const first = addresses[0]?.ip ?? '';
  return [
    ...(first === status?.hostIP ? [] : [invalid('status.hostIPs[0].ip', first, 'must be equal to `hostIP`')]),
    ...addressErrors(addresses, 'status.hostIPs'),
  ];
}
