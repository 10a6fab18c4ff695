import { createHash } from 'node:crypto';
import type { EndpointSlice } from '@berth/kube';
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

/**
 * What becomes of a service's slices: of each family one for the pods with the same ports, or more where there are many; one without any
 * where there are no pods (endpointslice reconciler). A slice that has a group's ports stays its.
 */
export function planSlices(
  { name, uid, families }: { readonly name: string; readonly uid: string; readonly families: readonly AddressFamily[] },
  endpoints: readonly ServiceEndpoint[],
  present: readonly EndpointSlice[],
): SlicePlan {
  const left = new Set(present);
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
      slice: take((each) => isOf(content)(each) && same(each.ports ?? [], content.ports)),
    }));
  const placed = wanted.map(({ content, slice }) => ({ content, slice: slice ?? take(isOf(content)) }));
  const names = freeNames(name, uid, present);
  return {
    create: placed.flatMap(({ content, slice }) => (slice ? [] : [{ ...content, name: names.next().value as string }])),
    update: placed.flatMap(({ content, slice }) =>
      !slice || same([slice.endpoints ?? [], slice.ports ?? []], [content.endpoints, content.ports])
        ? []
        : [{ slice, content }],
    ),
    delete: [...left],
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

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
