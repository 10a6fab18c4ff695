import { goQuote, type Node, type NodeAddress, type NodeSpec, type Taint } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { duplicate, forbidden, internalError, invalid, required } from '../field.ts';
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
      const { spec, status } = object as Node;
      if (spec) alignNetworks(spec);
      if (status?.capacity && !status.allocatable) status.allocatable = { ...status.capacity };
    },
    // Kubelets' settings from config maps are gone since 1.24.
    prepareForCreate: (object) => dropSettings(object as Node),
    prepareForUpdate: (object) => dropSettings(object as Node),
    prepareForStatusUpdate: (object) => dropSettings(object as Node),
    validate,
    validateUpdate,
    validateStatusUpdate: validateUpdate,
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

/** The one network of old clients is the first of all; where they differ, it is the one that was meant (v1 conversion). */
function alignNetworks(spec: NodeSpec): void {
  const first = spec.podCIDRs?.[0];
  if (spec.podCIDR && spec.podCIDR !== first) spec.podCIDRs = [spec.podCIDR];
  else if (!spec.podCIDR && first) spec.podCIDR = first;
}

function dropSettings({ spec, status }: Node): void {
  delete spec?.configSource;
  delete status?.config;
}

function validate(object: AnyObject): FieldError[] {
  const node = object as Node;
  const swap = node.status?.nodeInfo?.swap?.capacity;
  return [
    ...taintErrors(node.spec?.taints ?? []),
    ...resourceErrors(node),
    ...(swap !== undefined && swap <= 0
      ? [invalid('metadata.nodeSwapStatus.capacity', swap, 'must be greater than zero')]
      : []),
    ...featureErrors(node.status?.declaredFeatures ?? []),
    ...networkErrors(node.spec?.podCIDRs ?? []),
  ];
}

function networkErrors(cidrs: readonly string[]): FieldError[] {
  const field = 'spec.podCIDRs';
  const families = new Set(cidrs.map((cidr) => cidr.includes(':')));
  const problems = cidrs.map((cidr, index) => validateCidr(cidr, `${field}[${index}]`));
  const errors = problems.flat();
  if (cidrs.length < 2 || (errors.length === 0 && families.size === 2 && cidrs.length === 2)) return errors;
  const wrong = problems.findIndex((each) => each.length > 0);
  const why = `invalid CIDR[${wrong}]: <nil> (invalid CIDR address: ${cidrs[wrong]})`;
  return [
    ...errors,
    ...(wrong < 0 ? [] : [internalError(field, `invalid PodCIDRs. failed to check with dual stack with error:${why}`)]),
    invalid(field, cidrs, 'may specify no more than one CIDR for each IP family'),
  ];
}

/** Features a kubelet says it has (validateNodeDeclaredFeatures). */
function featureErrors(names: readonly string[]): FieldError[] {
  return names.flatMap((name, index) => {
    const field = `status.declaredFeatures[${index}]`;
    const before = names[index - 1];
    const why = featureComplaint(name);
    return [
      ...(before !== undefined && before === name ? [duplicate(field, name)] : []),
      ...(before !== undefined && before > name ? [invalid(field, name, 'list must be sorted alphabetically')] : []),
      ...(why ? [invalid(field, name, `invalid feature name ${goQuote(name)}: ${why}`)] : []),
    ];
  });
}

function featureComplaint(name: string): string | undefined {
  if (Buffer.byteLength(name) > 253) return 'must be no more than 253 characters';
  if (/^[A-Z][a-zA-Z0-9]*(\/[a-zA-Z][a-zA-Z0-9]*)*$/.test(name)) return undefined;
  return "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes";
}

/** Upstream puts these under the metadata. */
function taintErrors(taints: readonly Taint[]): FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, index) => {
    const field = `metadata.taints[${index}]`;
    const { key = '', value = '', effect } = taint;
    const shown = { Key: key, Value: value, Effect: effect, TimeAdded: taint.timeAdded ?? null };
    const complaints = labelValue(value);
    const repeated = seen.has(`${effect}/${key}`);
    seen.add(`${effect}/${key}`);
    return [
      ...validateLabelName(key, `${field}.key`),
      ...(complaints.length > 0 ? [invalid(`${field}.value`, value, complaints.join(';'))] : []),
      ...(effect ? validateTaintEffect(effect, `${field}.effect`) : [required(`${field}.effect`)]),
      ...(repeated ? [duplicate(field, shown, 'taints must be unique by key and effect pair')] : []),
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
  return [
    ...resourceErrors(next as Node),
    ...featureErrors(status?.declaredFeatures ?? []),
    ...(status?.addresses ?? []).flatMap(({ type, address }, index) =>
      addresses.indexOf(addresses[index] as string) < index
        ? [duplicate(`status.addresses[${index}]`, { Type: type, Address: address })]
        : [],
    ),
    ...changedNetworks(spec.podCIDRs ?? [], before.podCIDRs ?? []),
    ...(before.providerID && before.providerID !== spec.providerID
      ? [forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid')]
      : []),
    ...taintErrors(spec.taints ?? []),
    ...((spec.externalID ?? '') === (before.externalID ?? '')
      ? []
      : [forbidden('spec.externalID', 'may not be updated')]),
  ];
}

/** One complaint of each network that is another, or one of all where there are fewer or more. */
function changedNetworks(next: readonly string[], old: readonly string[]): FieldError[] {
  if (old.length === 0) return [];
  const complaint = forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid');
  if (old.length !== next.length) return [complaint];
  return old.flatMap((cidr, index) => (cidr === next[index] ? [] : [complaint]));
}
