import { createHash } from 'node:crypto';
import type { EndpointSlice } from '@berth/kube';
import { semanticEqual } from '../../api-server/resources/equality.ts';
import { type AddressFamily, familyOf } from '../../api-server/resources/ip-form.ts';
import type { ServiceEndpoint } from './endpoint-addresses.ts';

/** API maximum. */
const maxEndpoints = 1000;

type Content = Required<Pick<EndpointSlice, 'addressType' | 'endpoints' | 'ports'>>;

export interface SlicePlan {
  readonly create: readonly (Content & { readonly name: string })[];
  readonly update: readonly { readonly slice: EndpointSlice; readonly content: Content }[];
  readonly delete: readonly EndpointSlice[];
}

interface SlicedService {
  readonly name: string;
  readonly uid: string;
  /** What its slices shall have. */
  readonly labels: Readonly<Record<string, string>>;
  readonly families: readonly AddressFamily[];
}

/**
 * What becomes of a service's slices: of each family one for the pods with the same ports, or more where there are many; one without any
 * where there are no pods (endpointslice reconciler). A slice that has a group's ports stays its. Slices of another
 * Service that had the name go, and nothing is put into those that somebody deletes.
 */
export function planSlices(
  { name, uid, labels, families }: SlicedService,
  endpoints: readonly ServiceEndpoint[],
  present: readonly EndpointSlice[],
): SlicePlan {
  const staying = present.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const isOwned = ({ metadata }: EndpointSlice) =>
    metadata.ownerReferences?.some((owner) => owner.uid === uid) === true;
  const left = new Set(staying.filter(isOwned));
  const take = (fits: (slice: EndpointSlice) => boolean) => {
    const found = [...left].find(fits);
    if (found) left.delete(found);
    return found;
  };
  const isOf =
    ({ addressType }: Content) =>
    (slice: EndpointSlice) =>
      slice.addressType === addressType;
  const wanted = families
    .flatMap((family) => contentsOf(endpoints, family))
    .map((content) => ({
      content,
      slice: take((each) => isOf(content)(each) && semanticEqual(each.ports, content.ports)),
    }));
  const placed = wanted.map(({ content, slice }) => ({ content, slice: slice ?? take(isOf(content)) }));
  const names = freeNames(name, uid, present);
  return {
    create: placed.flatMap(({ content, slice }) => (slice ? [] : [{ ...content, name: names.next().value as string }])),
    update: placed.flatMap(({ content, slice }) =>
      !slice ||
      semanticEqual([slice.endpoints, slice.ports, slice.metadata.labels], [content.endpoints, content.ports, labels])
        ? []
        : [{ slice, content }],
    ),
    delete: [...left, ...staying.filter((slice) => !isOwned(slice))],
  };
}

function contentsOf(all: readonly ServiceEndpoint[], addressType: AddressFamily): Content[] {
  const endpoints = all
    .map((each) => ({ ...each, ips: each.ips.filter((ip) => familyOf(ip) === addressType) }))
    .filter(({ ips }) => ips.length > 0);
  const contents = [...Map.groupBy(endpoints, ({ ports }) => JSON.stringify(ports)).values()].flatMap((group) =>
    Array.from({ length: Math.ceil(group.length / maxEndpoints) }, (_, i) => ({
      addressType,
      endpoints: group.slice(i * maxEndpoints, (i + 1) * maxEndpoints).map(asSliceEndpoint),
      ports: [...(group[0]?.ports ?? [])],
    })),
  );
  return contents.length > 0 ? contents : [{ addressType, endpoints: [], ports: [] }];
}

/** Names fixed by what the slices are of: two racing writers cannot make a slice twice. */
export function* freeNames(name: string, uid: string, present: readonly EndpointSlice[]): Generator<string> {
  for (let i = 0; ; i++) {
    const text = i === 0 ? uid : `${uid} ${i}`;
    const candidate = `${name}-${createHash('sha256').update(text).digest('hex').slice(0, 5)}`;
    if (!present.some(({ metadata }) => metadata.name === candidate)) yield candidate;
  }
}

function asSliceEndpoint({ ips, hostname, nodeName, target, ready, serving, terminating }: ServiceEndpoint) {
  const conditions = { ready, serving, terminating };
  return {
    addresses: [...ips],
    conditions,
    ...(hostname ? { hostname } : {}),
    targetRef: target,
    ...(nodeName ? { nodeName } : {}),
  };
}
