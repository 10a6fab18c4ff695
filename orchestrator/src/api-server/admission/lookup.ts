import type { AnyObject } from '../resource-definition.ts';
import type { ServerContext } from '../server-context.ts';

/** Reads what admission rules need of other objects, at the newest revision. */
export class AdmissionLookup {
  readonly #context: ServerContext;

  constructor(context: ServerContext) {
    this.#context = context;
  }

  async find(group: string, plural: string, namespace: string, name: string): Promise<AnyObject | undefined> {
    const storage = this.#context.storageOf(group, plural);
    return (await storage?.find(namespace, name))?.object;
  }

  list(group: string, plural: string): Promise<readonly AnyObject[]> {
    return this.listIn(group, plural, '');
  }

  async listIn(group: string, plural: string, namespace: string): Promise<readonly AnyObject[]> {
    const range = await this.#context.storageOf(group, plural)?.range({ namespace });
    return range?.objects.map(({ object }) => object) ?? [];
  }
}
