import { messageOf, rfc3339 } from '@berth/kit';
import { createEventRecorder, type EventRecorder, type KubeClient, resources, type ServiceCIDR } from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';
import { semanticEqual } from '../resources/equality.ts';
import type { ServerContext } from '../server-context.ts';
import { defaultName } from './service-ranges.ts';

const controller = 'kubernetes-service-cidr-controller';

/** The ServiceCIDR of the ranges that the server was started with. */
export function defaultServiceCidr(cidrs: readonly string[]): AnyObject {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: defaultName },
    spec: { cidrs: [...cidrs] },
  };
}

/**
 * Says in the status of the default ServiceCIDR that it is ready, and in events where it is another; one of the first range alone gets the
 * second beside it (controlplane controller/defaultservicecidr).
 */
export class DefaultCidrStatus implements AsyncDisposable {
  readonly #context: ServerContext;
  readonly #client: KubeClient;
  readonly #cidrs: readonly string[];
  /** Each is told once. */
  readonly #told = new Set<string>();
  #recorder: (EventRecorder & AsyncDisposable) | undefined;

  constructor(context: ServerContext, client: KubeClient, cidrs: readonly string[]) {
    this.#context = context;
    this.#client = client;
    this.#cidrs = cidrs;
  }

  /** @throws ApiError */
  async sync(): Promise<void> {
    const found = await this.#context.storageOf('networking.k8s.io', 'servicecidrs')?.find('', defaultName, 0);
    const object = found?.object as ServiceCIDR | undefined;
    if (!object || object.metadata.deletionTimestamp) return;
    const cidrs = object.spec?.cidrs ?? [];
    const condition = object.status?.conditions?.find(({ type }) => type === 'Ready');
    const shown = (list: readonly string[]) => `[${list.join(' ')}]`;
    const [first] = this.#cidrs;
    if (this.#cidrs.length === 2 && cidrs.length === 1 && cidrs[0] === first)
      await this.#addSecond(object).catch((error: unknown) => {
        const what = `The default ServiceCIDR can not be upgraded from ${first} to dual stack ${shown(this.#cidrs)}`;
        this.#tell(object, 'KubernetesDefaultServiceCIDRError', `${what} : ${messageOf(error)}`);
      });
    else if (!semanticEqual(cidrs, this.#cidrs))
      this.#tell(
        object,
        'KubernetesDefaultServiceCIDRInconsistent',
        `The default ServiceCIDR ${shown(cidrs)} does not match the controller flag configurations ${shown(this.#cidrs)}`,
      );
    // Whoever says that it is not ready has a reason.
    else if (condition?.status === 'False')
      this.#tell(object, condition.reason ?? '', `Configuration matches, but ${condition.message}`);
    else if (condition?.status !== 'True') await this.#setReady();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#recorder?.[Symbol.asyncDispose]();
  }

  async #addSecond(object: ServiceCIDR): Promise<void> {
    await this.#client.update(resources.servicecidrs, { ...object, spec: { cidrs: [...this.#cidrs] } });
  }

  async #setReady(): Promise<void> {
    const condition = {
      type: 'Ready',
      status: 'True',
      message: 'Kubernetes default Service CIDR is ready',
      lastTransitionTime: rfc3339(this.#context.clock.now()),
    };
    const patch = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata: { name: defaultName },
      status: { conditions: [condition] },
    };
    const apply = { type: 'apply', patch, fieldManager: controller, force: true } as const;
    await this.#client.patch(resources.servicecidrs, { name: defaultName }, apply, { subresource: 'status' });
  }

  #tell(about: ServiceCIDR, reason: string, message: string): void {
    if (this.#told.has(reason)) return;
    this.#told.add(reason);
    const { clock, rng, log } = this.#context;
    this.#recorder ??= createEventRecorder(this.#client, { component: controller, clock, rng, log });
    this.#recorder.event(about, 'Warning', reason, message);
  }
}
