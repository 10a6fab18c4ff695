import type { AnyObject } from '../resource-definition.ts';
import { notFound } from '../resource-errors.ts';
import { pathSegment } from '../resources/names.ts';
import type { ServerContext } from '../server-context.ts';

/** Why no object can have a name, in the words of upstream's client, which asks for what is not known here. */
export function unaskable(name: string): string | undefined {
  if (name === '') return 'resource name may not be empty';
  const complaints = pathSegment(name);
  return complaints.length > 0 ? `invalid resource name ${JSON.stringify(name)}: [${complaints.join(' ')}]` : undefined;
}

/** Reads what admission rules need of other objects, as this server knows them; what it does not know may be new, and is asked for. */
export class AdmissionLookup {
  readonly #context: ServerContext;

  constructor(context: ServerContext) {
    this.#context = context;
  }

  async find(group: string, plural: string, namespace: string, name: string): Promise<AnyObject | undefined> {
    const storage = this.#context.storageOf(group, plural);
    const known = (await storage?.find(namespace, name, 0)) ?? (await storage?.find(namespace, name));
    return known?.object;
  }

  /** @throws ApiError NotFound – there is none. */
  async namespace(name: string): Promise<AnyObject> {
    const found = await this.find('', 'namespaces', '', name);
    if (found) return found;
    throw notFound({ group: '', plural: 'namespaces' }, name);
  }

  list(group: string, plural: string): Promise<readonly AnyObject[]> {
    return this.listIn(group, plural, '');
  }

  async listIn(group: string, plural: string, namespace: string): Promise<readonly AnyObject[]> {
    const range = await this.#context.storageOf(group, plural)?.range({ namespace, notOlderThan: 0 });
    return range?.objects.map(({ object }) => object) ?? [];
  }
}
