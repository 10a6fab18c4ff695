import type { Clock } from '@berth/kit';
import type { Counter, Histogram, MetricRegistry, Sample, SeriesOf } from '../../metrics/metric-registry.ts';

/** `static`: it was asked for by its value. */
export type AllocationScope = 'static' | 'dynamic';

/** How much of a range is given out. */
export interface RangeUse {
  readonly cidr: string;
  readonly used: number;
  readonly free: number;
}

export interface AllocatedNow {
  readonly addresses: () => Promise<readonly RangeUse[]>;
  readonly ports: () => Pick<RangeUse, 'used' | 'free'>;
}

/** Cluster IPs and node ports of Services, under upstream's names (registry/core/service ipallocator, portallocator). */
export class AllocationMetrics {
  readonly #clock: Clock;
  readonly #addresses: SeriesOf<Counter>;
  readonly #addressErrors: SeriesOf<Counter>;
  readonly #addressSeconds: SeriesOf<Histogram>;
  readonly #ports: SeriesOf<Counter>;
  readonly #portErrors: SeriesOf<Counter>;

  constructor(registry: MetricRegistry, clock: Clock, now: AllocatedNow) {
    this.#clock = clock;
    const [ips, ports] = ['kube_apiserver_clusterip_allocator', 'kube_apiserver_nodeport_allocator'];
    const both = ['cidr', 'scope'];
    this.#addresses = registry.counter(`${ips}_allocation_total`, 'Cluster IPs given out.', both);
    this.#addressErrors = registry.counter(`${ips}_allocation_errors_total`, 'Cluster IPs not to be had.', both);
    this.#addressSeconds = registry.histogram(
      `${ips}_allocation_duration_seconds`,
      'How long it took to give out a cluster IP.',
      ['cidr'],
    );
    this.#ports = registry.counter(`${ports}_allocation_total`, 'Node ports given out.', ['scope']);
    this.#portErrors = registry.counter(`${ports}_allocation_errors_total`, 'Node ports not to be had.', ['scope']);
    const of = (name: 'used' | 'free') => async () =>
      (await now.addresses()).map((range): Sample => [[range.cidr], range[name]]);
    registry.gauge(`${ips}_allocated_ips`, 'Cluster IPs that Services have.', ['cidr'], of('used'));
    registry.gauge(`${ips}_available_ips`, 'Cluster IPs that nobody has.', ['cidr'], of('free'));
    registry.gauge(`${ports}_allocated_ports`, 'Node ports that Services have.', [], () => [[[], now.ports().used]]);
    registry.gauge(`${ports}_available_ports`, 'Node ports that nobody has.', [], () => [[[], now.ports().free]]);
  }

  /** `give` answers undefined, or false, where there is none. */
  async address<T>(cidr: string, scope: AllocationScope, give: () => Promise<T>): Promise<T> {
    const began = this.#clock.monotonicMs();
    const given = await give();
    const isGiven = given !== undefined && given !== false;
    (isGiven ? this.#addresses : this.#addressErrors).at(cidr, scope).add();
    if (isGiven) this.#addressSeconds.at(cidr).observe((this.#clock.monotonicMs() - began) / 1000);
    return given;
  }

  port(scope: AllocationScope, isGiven: boolean): void {
    (isGiven ? this.#ports : this.#portErrors).at(scope).add();
  }
}
