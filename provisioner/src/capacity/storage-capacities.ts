import type { WorkQueue } from '@berth/kit';
import {
  type CSIStorageCapacity,
  type Informer,
  isNotFound,
  type KubeClient,
  Quantity,
  resources,
  type StorageClass,
} from '@berth/kube';
import type { ConnectedDriver } from '../driver/connect-driver.ts';
import type { ClaimView } from '../provision/claim-view.ts';
import { classNameOf, nodeSelectedFor } from '../provision/claim-view.ts';
import { driverParameters } from '../provision/class-parameters.ts';
import type { Segments } from '../provision/topology.ts';
import type { CapacitySettings } from '../provisioner-settings.ts';

export interface StorageCapacitiesOptions {
  readonly client: KubeClient;
  readonly capacities: Informer<CSIStorageCapacity>;
  readonly view: ClaimView;
  readonly driver: ConnectedDriver;
  readonly settings: CapacitySettings;
  /** Set where one provisioner runs beside every node's driver. */
  readonly nodeName: string | undefined;
  /** Where volumes of the driver may be, as the nodes' labels say. */
  readonly segments: () => readonly Segments[];
}

/** Upstream's labels (external-provisioner capacity.go): whose an object is, and who looks after it. */
const driverLabel = 'csi.storage.k8s.io/drivername';
const managerLabel = 'csi.storage.k8s.io/managed-by';

/** Many volumes made at once are one look at what is left. */
const settleMs = 100;

/**
 * Keeps a CSIStorageCapacity for each class in each segment: what the driver can still give there, for schedulers. Looked
 * at again when volumes come and go, when a node was given up for a claim, and now and then. Keys are class and segment.
 */
export class StorageCapacities {
  readonly #options: StorageCapacitiesOptions;
  readonly #labels: Readonly<Record<string, string>>;
  /** Made by us and perhaps not seen yet. */
  readonly #made = new Map<string, CSIStorageCapacity>();

  constructor(options: StorageCapacitiesOptions) {
    this.#options = options;
    const { driver, nodeName } = options;
    const manager = nodeName === undefined ? 'external-provisioner' : `external-provisioner-${nodeName}`;
    this.#labels = { [driverLabel]: driver.name, [managerLabel]: manager };
  }

  /** @returns when to look again. @throws GrpcError – the driver does not say; ApiError. */
  async reconcile(key: string, signal: AbortSignal): Promise<{ afterMs: number } | undefined> {
    const { view, settings } = this.#options;
    const { className, segments } = partsOf(key);
    const [object, ...others] = this.#objectsOf(key);
    for (const other of others) await this.#remove(other, signal);
    const storageClass = view.classes.get(className);
    if (!storageClass || !this.#isWanted(storageClass) || !this.#keys(className).includes(key)) {
      if (object) await this.#remove(object, signal);
      this.#made.delete(key);
      return undefined;
    }
    const amounts = await this.#ask(storageClass, segments, signal);
    if (!object) this.#made.set(key, await this.#create({ className, segments, amounts }, signal));
    else if (!isSame(object, amounts)) this.#made.set(key, await this.#update(object, amounts, signal));
    return { afterMs: settings.pollIntervalMs };
  }

  /** Adds the keys that what happens concerns. */
  watch(queue: WorkQueue): Disposable {
    const { view, capacities, driver } = this.#options;
    const handlers = new DisposableStack();
    const settle = (className: string | undefined) => {
      for (const key of this.#keys(className ?? '')) queue.addAfter(key, settleMs);
    };
    handlers.use(
      view.classes.onChange((name, { before, after }) => {
        if ([before, after].some((one) => one?.provisioner === driver.name))
          for (const key of this.#keys(name)) queue.add(key);
      }),
    );
    handlers.use(
      capacities.onChange((_, { before, after }) => {
        const object = after ?? before;
        if (!object || !this.#isOurs(object)) return;
        const key = keyFor(object.storageClassName, segmentsOf(object));
        // Somebody took it away.
        if (!after && this.#made.get(key)?.metadata.uid === object.metadata.uid) this.#made.delete(key);
        queue.add(key);
      }),
    );
    handlers.use(
      view.volumes.onChange((_, { before, after }) => {
        const { spec } = after ?? before ?? {};
        if (spec?.csi?.driver === driver.name && !(before && after)) settle(spec.storageClassName);
      }),
    );
    handlers.use(
      view.claims.onChange((_, { before, after }) => {
        if (before && after && nodeSelectedFor(before) && !nodeSelectedFor(after)) settle(classNameOf(after));
      }),
    );
    return handlers;
  }

  /** All of them, also those of segments that are gone. */
  all(): string[] {
    const { view, driver, capacities } = this.#options;
    const classes = view.classes.list().filter(({ provisioner }) => provisioner === driver.name);
    const known = capacities.list().filter((object) => this.#isOurs(object));
    const wanted = classes.flatMap(({ metadata }) => this.#keys(metadata.name ?? ''));
    return [...new Set([...wanted, ...known.map((one) => keyFor(one.storageClassName, segmentsOf(one)))])];
  }

  #keys(className: string): string[] {
    return this.#options.segments().map((segments) => keyFor(className, segments));
  }

  #isWanted({ provisioner, volumeBindingMode }: StorageClass): boolean {
    const { driver, settings } = this.#options;
    if (provisioner !== driver.name) return false;
    return settings.forImmediateBinding || volumeBindingMode === 'WaitForFirstConsumer';
  }

  #isOurs({ metadata }: CSIStorageCapacity): boolean {
    if (metadata.namespace !== this.#options.settings.namespace) return false;
    return Object.entries(this.#labels).every(([label, value]) => metadata.labels?.[label] === value);
  }

  #objectsOf(key: string): CSIStorageCapacity[] {
    const { capacities } = this.#options;
    const seen = capacities
      .list()
      .filter((object) => this.#isOurs(object) && keyFor(object.storageClassName, segmentsOf(object)) === key);
    const made = this.#made.get(key);
    if (!made) return seen;
    const same = seen.find(({ metadata }) => metadata.name === made.metadata.name);
    return same ? [same, ...seen.filter((one) => one !== same)] : [made, ...seen];
  }

  async #ask(storageClass: StorageClass, segments: Segments, signal: AbortSignal): Promise<Amounts> {
    const { driver } = this.#options;
    // What volumes look like makes no difference to upstream's sidecar: it asks without capabilities.
    const parameters = driverParameters(storageClass.parameters);
    const request = { parameters, accessibleTopology: { segments: { ...segments } } };
    const { availableCapacity, maximumVolumeSize } = await driver.calls.controller('GetCapacity', request, signal);
    return {
      capacity: quantity(availableCapacity),
      ...(maximumVolumeSize ? { maximumVolumeSize: quantity(maximumVolumeSize.value) } : {}),
    };
  }

  async #create(
    { className, segments, amounts }: { className: string; segments: Segments; amounts: Amounts },
    signal: AbortSignal,
  ): Promise<CSIStorageCapacity> {
    const { client, settings } = this.#options;
    const { namespace, owner } = settings;
    const object: CSIStorageCapacity = {
      metadata: {
        generateName: 'csisc-',
        namespace,
        labels: { ...this.#labels },
        ...(owner ? { ownerReferences: [owner] } : {}),
      },
      nodeTopology: { matchLabels: { ...segments } },
      storageClassName: className,
      ...amounts,
    };
    return await client.create(resources.csistoragecapacities, object, {}, signal);
  }

  async #update(object: CSIStorageCapacity, amounts: Amounts, signal: AbortSignal): Promise<CSIStorageCapacity> {
    const { maximumVolumeSize: _before, ...rest } = object;
    return await this.#options.client.update(resources.csistoragecapacities, { ...rest, ...amounts }, {}, signal);
  }

  async #remove({ metadata }: CSIStorageCapacity, signal: AbortSignal): Promise<void> {
    const { name = '', namespace = '' } = metadata;
    try {
      await this.#options.client.delete(resources.csistoragecapacities, { name, namespace }, {}, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

interface Amounts {
  readonly capacity: string;
  readonly maximumVolumeSize?: string;
}

function quantity(bytes: string): string {
  return Quantity.of(BigInt(bytes), 'BinarySI').toString();
}

function isSame(object: CSIStorageCapacity, { capacity, maximumVolumeSize }: Amounts): boolean {
  return object.capacity === capacity && object.maximumVolumeSize === maximumVolumeSize;
}

function segmentsOf({ nodeTopology }: CSIStorageCapacity): Segments {
  return nodeTopology?.matchLabels ?? {};
}

function keyFor(className: string, segments: Segments): string {
  return JSON.stringify([className, Object.entries(segments).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function partsOf(key: string): { readonly className: string; readonly segments: Segments } {
  const [className, segments] = JSON.parse(key) as [string, [string, string][]];
  return { className, segments: Object.fromEntries(segments) };
}
