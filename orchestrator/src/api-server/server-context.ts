import { type Clock, KeyedMutex, type Logger, type Rng } from '@berth/kit';
import type { Store } from '../store/store.ts';
import type { Admission } from './admission/admission.ts';
import { FieldScopes } from './apply/field-scopes.ts';
import type { BodyDecoder } from './body-decoder.ts';
import { defaultMinRequestTimeoutSeconds } from './limits/limit-options.ts';
import { ComponentMetrics } from './metrics/component-metrics.ts';
import { ConversionMetrics } from './metrics/conversion-metrics.ts';
import { ExpressionTimes } from './metrics/expression-times.ts';
import { WriteMetrics } from './metrics/write-metrics.ts';
import { ObjectStorage, type WriteObserver } from './object-storage.ts';
import { RecentValues } from './recent-values.ts';
import type { RequestContext, ResourceDefinition } from './resource-definition.ts';
import type { ResourceRegistry } from './resource-registry.ts';
import { ObjectCodec, type WrittenObjects } from './stored-object.ts';
import type { User } from './user.ts';
import { Outbound } from './webhook/outbound.ts';

/** What every verb needs: the table, the store, time and chance. */
export class ServerContext {
  readonly registry: ResourceRegistry;
  readonly store: Store;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly admission: Admission;
  readonly bodies: BodyDecoder;
  /** What takes long is left to another thread: {@link heavyWork} is thrown. */
  readonly aside: boolean;
  /** Turns of those who read, change and write the same object. */
  readonly writers = new KeyedMutex();
  /** What is asked of servers outside: webhooks, tokens, accesses. */
  readonly outbound: Outbound;
  /** What `/metrics` tells. */
  readonly metrics = new ComponentMetrics();
  /** Watches that say nothing of it end after that, or up to twice as long. */
  readonly minRequestTimeoutSeconds: number;
  /** How long rules of definitions take. */
  readonly expressions: ExpressionTimes;
  /** Custom resources that webhooks convert. */
  readonly conversions: ConversionMetrics;
  /** How objects of each endpoint are merged and owned. */
  readonly fields: FieldScopes;
  /** Weak: custom resources come and go. */
  readonly #storages = new WeakMap<ResourceDefinition, ObjectStorage>();
  readonly #writes: WriteMetrics;
  readonly #written: WrittenObjects = new RecentValues();

  constructor(parts: {
    readonly registry: ResourceRegistry;
    readonly store: Store;
    readonly clock: Clock;
    readonly rng: Rng;
    readonly log: Logger;
    readonly bodies: BodyDecoder;
    readonly aside?: boolean;
    readonly minRequestTimeoutSeconds?: number | undefined;
    readonly admission: (context: ServerContext) => Admission;
  }) {
    this.registry = parts.registry;
    this.fields = new FieldScopes(parts.registry);
    this.store = parts.store;
    this.clock = parts.clock;
    this.expressions = new ExpressionTimes(parts.clock);
    this.conversions = new ConversionMetrics(this.metrics.registry, parts.clock);
    this.#writes = new WriteMetrics(this.metrics.registry, parts.clock);
    this.rng = parts.rng;
    this.log = parts.log;
    this.bodies = parts.bodies;
    this.aside = parts.aside ?? false;
    this.minRequestTimeoutSeconds = parts.minRequestTimeoutSeconds ?? defaultMinRequestTimeoutSeconds;
    this.outbound = new Outbound(this);
    this.admission = parts.admission(this);
  }

  storage(definition: ResourceDefinition): ObjectStorage {
    let storage = this.#storages.get(definition);
    if (!storage) {
      const writes = this.#writes.observer(definition.group, definition.plural);
      storage = definition.custom?.storage(this.store, this.#written, writes) ?? this.#builtIn(definition, writes);
      this.#storages.set(definition, storage);
    }
    return storage;
  }

  #builtIn(definition: ResourceDefinition, writes: WriteObserver): ObjectStorage {
    const stored = this.registry.storedForm(definition);
    const codec = new ObjectCodec(definition, stored, this.#written);
    return new ObjectStorage({ store: this.store, definition, codec, root: `/registry/${stored.plural}`, writes });
  }

  /** The storage of a resource by name; undefined where it is not served. */
  storageOf(group: string, plural: string): ObjectStorage | undefined {
    const definition = this.registry.ofResource(group, plural);
    return definition && this.storage(definition);
  }

  requestContext(user: User): RequestContext {
    const { name, groups, uid, extra } = user;
    return { now: this.clock.now(), user: name, groups, uid, extra, newUid: () => this.rng.uuid() };
  }
}
