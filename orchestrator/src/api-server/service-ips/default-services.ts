import type { ServiceRanges } from '../admission/service-allocation.ts';

/** What Services are given where no flag says otherwise; the node ports are upstream's. */
export const defaultServices: ServiceRanges = {
  cidrs: ['10.96.0.0/16'],
  nodePorts: { first: 30_000, count: 2768 },
};
