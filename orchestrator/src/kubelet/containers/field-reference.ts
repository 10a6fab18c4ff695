import { ownMember } from '@berth/kit';
import { type Container, type Pod, Quantity } from '@berth/kube';
import type { MachineResources } from '../node/machine-facts.ts';
import { findContainer } from '../pods/pod-facts.ts';
import { StartError } from './start-error.ts';

/** What a fieldRef can ask of the running pod beside its object. */
export interface PodAddresses {
  readonly podIps: readonly string[];
  readonly hostIps: readonly string[];
}

/** The value of `valueFrom.fieldRef` (kubelet podFieldSelectorRuntimeValue). @throws StartError – a field that is not served. */
export function fieldValue(pod: Pod, path: string, addresses: PodAddresses): string {
  const { metadata, spec } = pod;
  const keyed = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (keyed) return metadata[keyed[1] as 'labels' | 'annotations']?.[keyed[2] as string] ?? '';
  const fields: Record<string, () => string> = {
    'metadata.name': () => metadata.name ?? '',
    'metadata.namespace': () => metadata.namespace ?? '',
    'metadata.uid': () => metadata.uid ?? '',
    'metadata.labels': () => formatMap(metadata.labels),
    'metadata.annotations': () => formatMap(metadata.annotations),
    'spec.nodeName': () => spec?.nodeName ?? '',
    'spec.serviceAccountName': () => spec?.serviceAccountName ?? '',
    'status.hostIP': () => addresses.hostIps[0] ?? '',
    'status.hostIPs': () => addresses.hostIps.join(','),
    'status.podIP': () => addresses.podIps[0] ?? '',
    'status.podIPs': () => addresses.podIps.join(','),
  };
  const read = ownMember(fields, path);
  if (!read) throw new StartError('CreateContainerConfigError', `unsupported fieldPath: ${path}`);
  return read();
}

function formatMap(map: Readonly<Record<string, string>> = {}): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join('\n');
}

/** The value of `valueFrom.resourceFieldRef`; a missing limit is the node's (pkg/api/v1/resource ExtractContainerResourceValue). */
export function resourceValue(
  pod: Pod,
  own: Container,
  ref: { readonly containerName?: string; readonly resource: string; readonly divisor?: string },
  node: MachineResources,
): string {
  const container = ref.containerName ? findContainer(pod, ref.containerName) : own;
  if (!container) {
    throw new StartError('CreateContainerConfigError', `container ${ref.containerName} not found`);
  }
  const [kind, name = ''] = ref.resource.split(/\.(.*)/s);
  if ((kind !== 'limits' && kind !== 'requests') || name === '') {
    throw new StartError('CreateContainerConfigError', `unsupported container resource : ${ref.resource}`);
  }
  const { limits, requests } = container.resources ?? {};
  const asked =
    kind === 'limits' ? (limits?.[name] ?? node[name as keyof MachineResources]) : (requests?.[name] ?? limits?.[name]);
  const value = Quantity.parse(asked ?? '0');
  const divisor = Quantity.parse(ref.divisor && ref.divisor !== '0' ? ref.divisor : '1');
  return name === 'cpu'
    ? String(divideUp(value.milliValue(), divisor.milliValue()))
    : String(divideUp(value.value(), divisor.value()));
}

function divideUp(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor;
}
