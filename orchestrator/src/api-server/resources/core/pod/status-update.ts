import type { Pod, PodCondition, PodStatus } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { forbidden, internalError, invalid } from '../../field.ts';
import { validateIp } from '../../ip.ts';
import { isIpAddress, isIpv4Address } from '../../ip-form.ts';
import { immutable } from '../../metadata.ts';
import { dns1123Subdomain, qualifiedName } from '../../names.ts';
import { changedAnnotationErrors } from './annotations.ts';
import { claimStatusErrors } from './claim-status.ts';
import { containerStatusErrors, restartErrors } from './container-status.ts';

const systemConditions = new Set(['PodScheduled', 'Ready', 'Initialized']);

/** What kubelets, the scheduler and others may write into a pod's status (ValidatePodStatusUpdate). */
export function validateStatusUpdate(next: Pod, old: Pod): FieldError[] {
  const status = next.status ?? {};
  const before = old.status ?? {};
  const spec = old.spec ?? { containers: [] };
  return [
    ...changedAnnotationErrors(next, old),
    ...(status.conditions ?? []).flatMap((condition, index) =>
      conditionErrors(condition, `status.conditions[${index}]`),
    ),
    ...nominationErrors(next, old),
    ...observedErrors(status.observedGeneration, 'status'),
    ...immutable(status.qosClass ?? '', before.qosClass ?? '', 'status.qosClass'),
    ...restartErrors(status, before, spec),
    ...claimStatusErrors(status, spec),
    ...addressErrors(status.podIPs ?? [], 'status.podIPs'),
    ...hostAddressErrors(status),
    ...containerStatusErrors(status, spec),
  ];
}

function conditionErrors({ type = '', observedGeneration }: PodCondition, field: string): FieldError[] {
  return [
    ...observedErrors(observedGeneration, field),
    ...(systemConditions.has(type) ? [] : qualifiedName(type).map((text) => invalid(`${field}.Type`, type, text))),
  ];
}

function observedErrors(generation: number | undefined, field: string): FieldError[] {
  if (generation === undefined || generation >= 0) return [];
  return [invalid(`${field}.observedGeneration`, generation, 'must be a non-negative integer')];
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

/** One address, or one of each family. */
function addressErrors(addresses: readonly { ip?: string }[], field: string): FieldError[] {
  const ips = addresses.map(({ ip = '' }) => ip);
  const wrong = ips.findIndex((ip) => !isIpAddress(ip));
  const families = new Set(ips.map(isIpv4Address));
  const dual = wrong < 0 && families.size === 2 && ips.length === 2;
  return [
    ...ips.flatMap((ip, index) => validateIp(ip, `${field}[${index}]`)),
    ...(ips.length > 1 && wrong >= 0
      ? [internalError(field, `failed to check for dual stack with error:invalid IP[${wrong}]: ${ips[wrong]}`)]
      : []),
    ...(ips.length > 1 && !dual
      ? [
          invalid(
            field,
            ips.map((IP) => ({ IP })),
            'may specify no more than one IP for each IP family',
          ),
        ]
      : []),
  ];
}

function hostAddressErrors({ hostIP = '', hostIPs = [] }: PodStatus): FieldError[] {
  if (hostIPs.length === 0) return [];
  const first = hostIPs[0]?.ip ?? '';
  return [
    ...(first === hostIP ? [] : [invalid('status.hostIPs[0].ip', first, 'must be equal to `hostIP`')]),
    ...addressErrors(hostIPs, 'status.hostIPs'),
  ];
}
