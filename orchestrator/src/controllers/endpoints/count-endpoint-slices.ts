import { type EndpointSlice, resources, type Service } from '@berth/kube';
import type { ObjectCounts } from '../object-counts.ts';
import { managedBy } from './endpoints-controller.ts';

const isOurs = ({ metadata: { labels } }: EndpointSlice): boolean =>
  labels?.['endpointslice.kubernetes.io/managed-by'] === managedBy;

/** The slices of services with selectors, under kube-controller-manager's names (endpointslice metrics). */
export function countEndpointSlices(counts: ObjectCounts): void {
  const ofSlices = (rest: string, help: string, of: (slice: EndpointSlice) => readonly (readonly string[])[]) =>
    counts.gauge({
      name: `endpoint_slice_controller_${rest}`,
      help,
      labels: [],
      type: resources.endpointslices,
      of: (slice: EndpointSlice) => (isOurs(slice) ? of(slice) : []),
    });
  ofSlices('num_endpoint_slices', 'EndpointSlices that there are.', () => [[]]);
  // They are made full.
  ofSlices('desired_endpoint_slices', 'EndpointSlices that there would be, were all of them full.', () => [[]]);
  ofSlices('endpoints_desired', 'Endpoints in all EndpointSlices.', ({ endpoints }) => (endpoints ?? []).map(() => []));
  counts.gauge({
    name: 'endpoint_slice_controller_services_count_by_traffic_distribution',
    help: 'Services that say where their traffic goes.',
    labels: ['traffic_distribution'],
    type: resources.services,
    of: ({ spec }: Service) => (spec?.trafficDistribution && spec.selector ? [[spec.trafficDistribution]] : []),
  });
}
