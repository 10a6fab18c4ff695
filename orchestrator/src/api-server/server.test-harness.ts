import { FakeClock, seededRng, silentLogger } from '@berth/kit';
import { KubeClient, type KubeObject, resources } from '@berth/kube';
import { MemoryStore } from '../store/store.memory.ts';
import { type ApiServerOptions, createApiServer } from './create-api-server.ts';
import { definitions } from './resources/definitions.ts';

/** A server in memory with the service account every namespace has, for tests of what it does with requests. */
export async function aServer(
  options: Partial<
    Pick<ApiServerOptions, 'nodeApi' | 'admissionPlugins' | 'authorizationModes' | 'limits' | 'services'>
  > = {},
) {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock });
  const server = await createApiServer({
    store,
    definitions,
    clock,
    rng: seededRng(1),
    log: silentLogger,
    nodeApi: () => undefined,
    ...options,
  });
  const client = new KubeClient(server.transport());
  await client.create(resources.serviceaccounts, { metadata: { name: 'default', namespace: 'default' } });
  return {
    clock,
    store,
    server,
    client,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

export function aConfigMap(name: string, more: object = {}) {
  return { metadata: { name, namespace: 'default' }, ...more };
}

export function aPod(name: string, more: { metadata?: object; spec?: object } = {}) {
  const spec = { containers: [{ name: 'c', image: 'i' }], ...more.spec };
  return { metadata: { name, namespace: 'default', ...more.metadata }, spec } as KubeObject & {
    spec: { containers: never };
  };
}
