import type { Node, NodeAddress, Taint } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { duplicate, forbidden, invalid, required } from '../field.ts';
import { validateCidr } from '../ip.ts';
import { validateLabelName } from '../label-selector.ts';
import { labelValue } from '../names.ts';
import type { KindRules } from '../rules.ts';
import { validateResourceValue } from './pod/resource-requirements.ts';
import { validateTaintEffect } from './pod/scheduling.ts';

const rolePrefix = 'node-role.kubernetes.io/';

/** Nodes: kubernetes registry/core/node/strategy.go. Whoever registers a node may send its status at once. */
export const nodeRules: KindRules = {
  keepsStatusOnCreate: true,
  cells: {
    Status: (object) => nodeStatus(object as Node),
    Roles: ({ metadata }) => roles(metadata.labels ?? {}),
    Version: ({ status }) => status?.nodeInfo?.kubeletVersion ?? '',
    'Internal-IP': ({ status }) => address(status?.addresses, 'InternalIP'),
    'External-IP': ({ status }) => address(status?.addresses, 'ExternalIP'),
    'OS-Image': ({ status }) => status?.nodeInfo?.osImage || '<unknown>',
    'Kernel-Version': ({ status }) => {
      const { kernelVersion, architecture } = status?.nodeInfo ?? {};
      return `${kernelVersion || '<unknown>'}${architecture ? ` (${architecture})` : ''}`;
    },
    'Container-Runtime': ({ status }) => status?.nodeInfo?.containerRuntimeVersion || '<unknown>',
  },
  rules: {
    default: (object) => {
      const { status } = object as Node;
      if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
    },
    validate,
    validateUpdate,
    validateStatusUpdate: (next, old) => [...resourceErrors(next as Node), ...validateUpdate(next, old)],
    selectableFields: { 'spec.unschedulable': ({ spec }) => String(spec?.unschedulable === true) },
  },
};

function nodeStatus({ spec, status }: Node): string {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  const word = ready ? (ready.status === 'True' ? 'Ready' : 'NotReady') : 'Unknown';
  return spec?.unschedulable ? `${word},SchedulingDisabled` : word;
}

function roles(labels: Readonly<Record<string, string>>): string {
  const names = Object.entries(labels).flatMap(([key, value]) => {
    if (key.startsWith(rolePrefix)) return key.slice(rolePrefix.length) || [];
    return key === 'kubernetes.io/role' ? value || [] : [];
  });
  return [...new Set(names)].sort().join(',') || '<none>';
}

function address(addresses: readonly NodeAddress[] = [], type: string): string {
  return addresses.find((entry) => entry.type === type)?.address ?? '<none>';
}

function validate(object: AnyObject): FieldError[] {
  const node = object as Node;
  return [
    ...taintErrors(node.spec?.taints ?? []),
    ...resourceErrors(node),
    ...(node.spec?.podCIDRs ?? []).flatMap((cidr, index) => validateCidr(cidr, `spec.podCIDRs[${index}]`)),
  ];
}

/** Upstream puts these under the metadata. */
function taintErrors(taints: readonly Taint[]): FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, index) => {
    const field = `metadata.taints[${index}]`;
    const { key = '', value = '', effect } = taint;
    const complaints = labelValue(value);
    const repeated = seen.has(`${effect}/${key}`);
    seen.add(`${effect}/${key}`);
    return [
      ...validateLabelName(key, `${field}.key`),
      ...(complaints.length > 0 ? [invalid(`${field}.value`, value, complaints.join(';'))] : []),
      ...(effect ? validateTaintEffect(effect, `${field}.effect`) : [required(`${field}.effect`)]),
      ...(repeated ? [duplicate(field, taint, 'taints must be unique by key and effect pair')] : []),
    ];
  });
}

function resourceErrors({ status }: Node): FieldError[] {
  return (['capacity', 'allocatable'] as const).flatMap((list) =>
    Object.entries(status?.[list] ?? {}).flatMap(([name, value]) =>
      validateResourceValue(name, value, `status.${list}.${name}`),
    ),
  );
}

/** What a kubelet has been given once stays: its pod network and its provider's id. */
function validateUpdate(next: AnyObject, old: AnyObject): FieldError[] {
  const { spec = {}, status } = next as Node;
  const before = (old as Node).spec ?? {};
  const addresses = (status?.addresses ?? []).map((entry) => `${entry.type}/${entry.address}`);
  const cidrs = before.podCIDRs ?? [];
  const changedCidrs = cidrs.length > 0 && cidrs.join() !== (spec.podCIDRs ?? []).join();
  return [
    ...(status?.addresses ?? []).flatMap((entry, index) =>
      addresses.indexOf(addresses[index] as string) < index ? [duplicate(`status.addresses[${index}]`, entry)] : [],
    ),
    ...(changedCidrs
      ? [forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')]
      : []),
    ...(before.providerID && before.providerID !== spec.providerID
      ? [forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid')]
      : []),
  ];
}
