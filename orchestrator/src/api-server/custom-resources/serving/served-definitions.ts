import type { CustomResourceDefinition } from '@berth/kube';
import type { ResourceDefinition } from '../../resource-definition.ts';
import type { ServerContext } from '../../server-context.ts';
import { isConditionTrue } from '../definition/conditions.ts';
import { customDefinitions } from './custom-definitions.ts';
import { webhookConversion } from './webhook-conversion.ts';

interface Served {
  /** What of the definition decides how it is served. */
  readonly text: string;
  readonly definitions: readonly ResourceDefinition[];
  readonly end: AbortController;
}

/** Which custom resources are in the table of what is served. */
export class ServedDefinitions implements Disposable {
  readonly #context: ServerContext;
  readonly #served = new Map<string, Served>();

  constructor(context: ServerContext) {
    this.#context = context;
  }

  /** Serves a definition as it is now; the same one again changes nothing. */
  set(crd: CustomResourceDefinition): void {
    const name = crd.metadata.name as string;
    if (!isConditionTrue(crd, 'Established')) {
      this.remove(name);
      return;
    }
    const { uid, generation } = crd.metadata;
    const text = JSON.stringify([uid, generation, crd.status?.acceptedNames, isConditionTrue(crd, 'Terminating')]);
    const before = this.#served.get(name);
    if (before?.text === text) return;
    const end = new AbortController();
    const convert = crd.spec.conversion?.strategy === 'Webhook' ? webhookConversion(this.#context, crd) : undefined;
    // What is built in keeps its place: a version of a group that is served already gets no other resource.
    const { registry } = this.#context;
    const definitions = customDefinitions(crd, { ended: end.signal, convert, times: this.#context.expressions }).filter(
      ({ group, version }) => !registry.isBuiltIn(group, version),
    );
    registry.replace(before?.definitions ?? [], definitions);
    this.#served.set(name, { text, definitions, end });
    before?.end.abort();
  }

  remove(name: string): void {
    const before = this.#served.get(name);
    if (!before) return;
    this.#served.delete(name);
    this.#context.registry.replace(before.definitions, []);
    before.end.abort();
  }

  [Symbol.dispose](): void {
    for (const { end } of this.#served.values()) end.abort();
  }
}
