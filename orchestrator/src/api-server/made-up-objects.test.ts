import { seededRng } from '@berth/kit';
import { ApiError, type ApiRequest, apiVersionOf } from '@berth/kube';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ObjectMaker } from './made-up-objects.harness.ts';
import type { AnyObject, ResourceDefinition } from './resource-definition.ts';
import { definitions } from './resources/definitions.ts';
import { aServer } from './server.test-harness.ts';

/** More of them look longer: `FUZZ_RUNS=10000`. */
const numRuns = Number(process.env['FUZZ_RUNS'] ?? 200);

const served = definitions.filter(({ verbs, kind }) => verbs.includes('create') && kind !== 'TokenReview');

/** One kind's objects, made up from a seed, and what is done with them. */
class Life {
  readonly definition: ResourceDefinition;
  readonly maker: ObjectMaker;
  readonly name: string;
  readonly #server: Awaited<ReturnType<typeof aServer>>;

  constructor(server: Awaited<ReturnType<typeof aServer>>, seed: number) {
    this.#server = server;
    this.maker = new ObjectMaker(seededRng(seed));
    this.definition = this.maker.one(served);
    this.name = `o${seed >>> 0}`;
  }

  get #collection(): string {
    const { group, version, plural, namespaced } = this.definition;
    const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
    return `${root}${namespaced ? '/namespaces/default' : ''}/${plural}`;
  }

  /** A name of ours, that it is no other's. */
  object(): AnyObject {
    const made = this.maker.object(this.definition.schema) as AnyObject;
    const { metadata = {} as AnyObject['metadata'] } = made;
    const { kind } = this.definition;
    const given = typeof metadata === 'object' && metadata !== null ? metadata : {};
    if (this.maker.below(4))
      for (const field of ['resourceVersion', 'uid', 'namespace', 'managedFields', 'deletionTimestamp'] as const)
        delete given[field];
    return { ...made, kind, apiVersion: apiVersionOf(this.definition), metadata: { ...given, name: this.name } };
  }

  create() {
    return this.#ask({ method: 'POST', path: this.#collection, body: this.object() });
  }

  replace() {
    return this.#ask({ method: 'PUT', path: `${this.#collection}/${this.name}`, body: this.object() });
  }

  patch(type: string, query = '', subresource = '') {
    const path = `${this.#collection}/${this.name}${subresource}${query}`;
    return this.#ask({ method: 'PATCH', path, contentType: `application/${type}`, body: this.object() });
  }

  remove() {
    return this.#ask({ method: 'DELETE', path: `${this.#collection}/${this.name}?gracePeriodSeconds=0` });
  }

  /** What `kubectl get` shows of it. */
  show(object: AnyObject): unknown[] {
    return this.definition.columns.map(({ cell }) => cell(object, 0) ?? null);
  }

  /** @throws what is no answer of the API's */
  async #ask(
    request: Partial<ApiRequest> & { method: ApiRequest['method']; path: string },
  ): Promise<AnyObject | undefined> {
    const sent = JSON.stringify(request.body);
    try {
      return (await this.#server.server.transport().request(request)) as AnyObject;
    } catch (error) {
      if (error instanceof ApiError && error.code !== 'InternalError') return undefined;
      throw new Error(`${request.method} ${request.path} ${sent}`, { cause: error });
    }
  }
}

test('no object of any kind, made up by its schema, is more than refused, kept, changed and shown', {
  timeout: 120_000 + 100 * numRuns,
}, async () => {
  await using server = await aServer();
  let kept = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const life = new Life(server, seed);
      const created = await life.create();
      if (created) kept++;
      if (created) life.show(created);
      await life.replace();
      await life.patch('merge-patch+json');
      await life.patch('strategic-merge-patch+json');
      await life.patch('apply-patch+yaml', '?fieldManager=m&force=true');
      if (life.definition.subresources.some(({ name }) => name === 'status'))
        await life.patch('merge-patch+json', '', '/status');
      await life.remove();
    }),
    { numRuns },
  );
  // Some make sense, or nothing was tried.
  expect(kept).toBeGreaterThan(numRuns / 50);
});
