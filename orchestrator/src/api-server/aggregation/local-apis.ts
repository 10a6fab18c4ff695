import { Backoff, runController, WorkQueue } from '@berth/kit';
import {
  type APIService,
  type CustomResourceDefinition,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KubeClient,
  resources,
} from '@berth/kube';
import { followObjects } from '../follow-objects.ts';
import type { AnyObject } from '../resource-definition.ts';
import { semanticEqual } from '../resources/equality.ts';
import type { ServerContext } from '../server-context.ts';
import { type ApiPriority, builtInPriority, customPriority } from './api-priorities.ts';
import { tellAvailability } from './tell-availability.ts';

/** Whose an APIService is: `onstart` those of built-in groups, `true` those of custom resources; all others are somebody's. */
const managedLabel = 'kube-aggregator.kubernetes.io/automanaged';

/** Writes that wait for the disk together. */
const workers = 8;

/** The APIServices of what this server serves itself: made and kept as kube-aggregator's autoregister controller does, and always available. */
export class LocalApis {
  readonly #context: ServerContext;
  readonly #client: KubeClient;
  readonly #queue: WorkQueue;
  readonly #known = new Map<string, APIService>();
  /** There when this server started. */
  readonly #atStart = new Set<string>();
  /** Of built-in groups: each is seen to once. */
  readonly #settled = new Set<string>();
  readonly #builtIn: ReadonlyMap<string, APIService>;
  /** By definition: the names of the versions it serves. */
  readonly #custom = new Map<string, readonly string[]>();
  /** By such a name: the service, by each definition it is of. */
  readonly #served = new Map<string, Map<string, APIService>>();

  constructor(context: ServerContext, client: KubeClient) {
    this.#context = context;
    this.#client = client.as('kube-apiserver');
    const backoff = new Backoff({ initialMs: 5, maxMs: 1000 });
    const observer = context.metrics.queues.observer('autoregister');
    this.#queue = new WorkQueue({ clock: context.clock, backoff, observer });
    this.#builtIn = builtIn(context);
  }

  /** Runs until `signal`. @throws ApiError – what is there cannot be read. */
  async run(signal: AbortSignal): Promise<void> {
    const { log, clock } = this.#context;
    const services = this.#context.storageOf('apiregistration.k8s.io', 'apiservices');
    const definitions = this.#context.storageOf('apiextensions.k8s.io', 'customresourcedefinitions');
    if (!services || !definitions) return;
    const following = { log, clock, signal };
    await followObjects(
      services,
      {
        reset: () => this.#known.clear(),
        set: (object) => this.#see(object as unknown as APIService),
        remove: ({ metadata }) => this.#forget(metadata.name ?? ''),
      },
      following,
    );
    for (const name of this.#known.keys()) this.#atStart.add(name);
    await followObjects(
      definitions,
      {
        reset: () => {
          this.#custom.clear();
          this.#served.clear();
        },
        set: (object) => this.#define(object),
        remove: ({ metadata }) => this.#undefine(metadata.name ?? ''),
      },
      following,
    );
    for (const name of this.#builtIn.keys()) this.#queue.add(name);
    const reconcile = (name: string) => this.#reconcile(name, signal);
    const isRace = (error: unknown) => isConflict(error) || isNotFound(error) || isAlreadyExists(error);
    await runController({
      name: 'local-apis',
      queue: this.#queue,
      reconcile,
      workers,
      log,
      signal,
      isConflict: isRace,
    });
  }

  #see(service: APIService): void {
    const { name = '' } = service.metadata;
    this.#known.set(name, service);
    this.#queue.add(name);
  }

  #forget(name: string): void {
    this.#known.delete(name);
    this.#queue.add(name);
  }

  #define(object: AnyObject): void {
    const { metadata, spec } = object as unknown as CustomResourceDefinition;
    const { name = '' } = metadata;
    this.#undefine(name);
    const versions = spec.versions.filter(({ served }) => served).map((version) => version.name);
    this.#custom.set(
      name,
      versions.map((version) => serviceName(spec.group, version)),
    );
    for (const version of versions) {
      const served = serviceName(spec.group, version);
      const byDefinition = this.#served.get(served) ?? new Map<string, APIService>();
      this.#served.set(served, byDefinition.set(name, localService(spec.group, version, 'true', customPriority)));
      this.#queue.add(served);
    }
  }

  #undefine(name: string): void {
    for (const served of this.#custom.get(name) ?? []) {
      const byDefinition = this.#served.get(served);
      byDefinition?.delete(name);
      if (byDefinition?.size === 0) this.#served.delete(served);
      this.#queue.add(served);
    }
    this.#custom.delete(name);
  }

  #wanted(name: string): APIService | undefined {
    return this.#builtIn.get(name) ?? this.#served.get(name)?.values().next().value;
  }

  async #reconcile(name: string, signal: AbortSignal): Promise<undefined> {
    await this.#register(name, signal);
    this.#settled.add(name);
    const service = this.#known.get(name);
    if (!service || service.spec?.service || isAvailable(service)) return;
    const message = 'Local APIServices are always available';
    await tellAvailability(this.#context, name, { status: 'True', reason: 'Local', message });
  }

  /** What upstream's table says to each pair of what is there and what is wanted (autoregister checkAPIService). */
  async #register(name: string, signal: AbortSignal): Promise<void> {
    const wanted = this.#wanted(name);
    const known = this.#known.get(name);
    const seen = this.#settled.has(name);
    if (wanted && managementOf(wanted) === 'onstart' && seen) return;
    if (!known) {
      if (wanted) await this.#client.create(resources.apiservices, wanted, {}, signal);
      return;
    }
    const management = managementOf(known);
    if (management === undefined) return;
    if (management === 'onstart' && (seen || !this.#atStart.has(name))) return;
    if (!wanted) {
      const preconditions = known.metadata.uid === undefined ? {} : { uid: known.metadata.uid };
      await this.#client.delete(resources.apiservices, { name }, { preconditions }, signal);
    } else if (!semanticEqual(known.spec, wanted.spec)) {
      await this.#client.update(resources.apiservices, { ...known, spec: wanted.spec as never }, {}, signal);
    }
  }
}

function builtIn({ registry }: ServerContext): ReadonlyMap<string, APIService> {
  const services = new Map<string, APIService>();
  for (const { group, version } of registry.definitions) {
    const priority = registry.isBuiltIn(group, version) ? builtInPriority(group, version) : undefined;
    if (priority) services.set(serviceName(group, version), localService(group, version, 'onstart', priority));
  }
  return services;
}

function serviceName(group: string, version: string): string {
  return `${version}.${group}`;
}

function localService(group: string, version: string, managed: 'onstart' | 'true', priority: ApiPriority): APIService {
  return {
    metadata: { name: serviceName(group, version), labels: { [managedLabel]: managed } },
    spec: { group, version, groupPriorityMinimum: priority.group, versionPriority: priority.version },
  };
}

function managementOf({ metadata }: APIService): string | undefined {
  const label = metadata.labels?.[managedLabel];
  return label === 'onstart' || label === 'true' ? label : undefined;
}

function isAvailable({ status }: APIService): boolean {
  return status?.conditions?.some(({ type, status: is }) => type === 'Available' && is === 'True') ?? false;
}
