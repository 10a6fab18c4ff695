import { rfc3339 } from '@berth/kit';
import { type Informer, type IPAddress, isNotFound, resources, type ServiceCIDR } from '@berth/kube';
import { coversRange, givesOut } from '../../api-server/resources/ip-form.ts';
import { ipAllocator, ipLabels } from '../../api-server/service-ips/ip-addresses.ts';
import { type ControllerDeps, RunningController } from '../controller-deps.ts';

const finalizer = 'networking.k8s.io/service-cidr-finalizer';
const manager = 'service-cidr-controller';

/** Upstream's: by then every API server knows that nothing is to be given out of a range that goes. */
const graceMs = 10_000;

const ready = { status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' } as const;
const inUse = {
  status: 'False',
  reason: 'Terminating',
  message: 'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
} as const;

/** ServiceCIDRs are ready, and stay as long as an address is of no other one (pkg/controller/servicecidrs). */
export function startServiceCidrsController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  return new ServiceCidrsController(deps, signal);
}

class ServiceCidrsController implements AsyncDisposable {
  readonly #deps: ControllerDeps;
  readonly #ranges: Informer<ServiceCIDR>;
  readonly #running: RunningController;
  readonly #handlers = new DisposableStack();
  #addresses: Informer<IPAddress> | undefined;

  constructor(deps: ControllerDeps, signal: AbortSignal) {
    this.#deps = deps;
    this.#ranges = deps.informers.of(resources.servicecidrs);
    const reconcile = (name: string) => this.#sync(name, signal);
    // The queue's name is upstream's.
    const options = { name: 'service-cidr', queueName: 'ipaddresses', reconcile };
    this.#running = new RunningController(deps, options, signal);
    this.#handlers.use(
      this.#ranges.onChange((name, { before, after }) => {
        this.#running.queue.add(name);
        // A new one may take over what one that goes waits for.
        if (!before || !after) this.#wake();
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#handlers[Symbol.dispose]();
    await this.#running[Symbol.asyncDispose]();
  }

  /** Those that go. */
  #wake(isWanted: (range: ServiceCIDR) => boolean = () => true): void {
    for (const range of this.#ranges.list())
      if (range.metadata.deletionTimestamp && isWanted(range)) this.#running.queue.add(range.metadata.name as string);
  }

  async #sync(name: string, signal: AbortSignal): Promise<undefined | { afterMs: number }> {
    const range = this.#ranges.get(name);
    if (!range) return undefined;
    const { deletionTimestamp, finalizers = [] } = range.metadata;
    if (deletionTimestamp === undefined) {
      if (!finalizers.includes(finalizer)) await this.#patch(name, { finalizers: [finalizer] });
      await this.#say(range, ready);
      return undefined;
    }
    if (!(await this.#isFree(range, signal))) {
      await this.#say(range, inUse);
      return undefined;
    }
    const afterMs = Date.parse(deletionTimestamp) + graceMs - this.#deps.clock.now();
    if (afterMs > 0) return { afterMs };
    if (finalizers.includes(finalizer)) await this.#patch(name, { '$deleteFromPrimitiveList/finalizers': [finalizer] });
    return undefined;
  }

  /** Whether no address would be of no range without it. */
  async #isFree(range: ServiceCIDR, signal: AbortSignal): Promise<boolean> {
    const others = this.#ranges.list().filter(({ metadata }) => metadata.name !== range.metadata.name);
    const theirs = others.flatMap(cidrsOf);
    if (cidrsOf(range).every((cidr) => theirs.some((other) => coversRange(other, cidr)))) return true;
    const addresses = this.#followAddresses();
    await addresses.whenSynced(signal);
    return !addresses
      .list()
      .some(
        ({ metadata: { name = '', labels } }) =>
          labels?.[ipLabels.managedBy] === ipAllocator &&
          cidrsOf(range).some((cidr) => givesOut(cidr, name)) &&
          !theirs.some((cidr) => givesOut(cidr, name)),
      );
  }

  /** Only who waits for addresses needs to know of them. */
  #followAddresses(): Informer<IPAddress> {
    if (!this.#addresses) {
      this.#addresses = this.#deps.informers.of(resources.ipaddresses);
      this.#handlers.use(
        this.#addresses.onChange((name, { before, after }) => {
          if (!before || !after) this.#wake((range) => cidrsOf(range).some((cidr) => givesOut(cidr, name)));
        }),
      );
    }
    return this.#addresses;
  }

  async #say({ metadata: { name = '' }, status }: ServiceCIDR, wanted: typeof ready | typeof inUse): Promise<void> {
    const current = status?.conditions?.find(({ type }) => type === 'Ready');
    const isSame = (['status', 'reason', 'message'] as const).every(
      (field) => (current?.[field] ?? '') === wanted[field],
    );
    if (isSame) return;
    const lastTransitionTime = rfc3339(this.#deps.clock.now());
    const patch = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name },
      status: { conditions: [{ type: 'Ready', ...wanted, lastTransitionTime }] },
    };
    const apply = { type: 'apply', patch, fieldManager: manager, force: true } as const;
    await this.#deps.client.patch(resources.servicecidrs, { name }, apply, { subresource: 'status' });
  }

  async #patch(name: string, metadata: object): Promise<void> {
    try {
      await this.#deps.client.patch(resources.servicecidrs, { name }, { type: 'strategic', patch: { metadata } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function cidrsOf({ spec }: ServiceCIDR): readonly string[] {
  return spec?.cidrs ?? [];
}
