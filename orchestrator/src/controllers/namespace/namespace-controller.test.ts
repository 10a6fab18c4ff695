import { seededRng, silentLogger } from '@berth/kit';
import { type ConfigMap, type Namespace, resources, startInformers } from '@berth/kube';
import { expect, test } from 'vitest';
import { aServer } from '../../api-server/server.test-harness.ts';
import { CustomTypes } from '../custom-types/custom-types.ts';
import { startNamespaceController } from './namespace-controller.ts';

async function scene() {
  const server = await aServer();
  const { client, clock } = server;
  const stop = new AbortController();
  const informers = startInformers(client, { clock, log: silentLogger }, stop.signal);
  const recorder = () => ({ event: () => undefined });
  const deps = { client, informers, clock, rng: seededRng(1), log: silentLogger, recorder };
  const customTypes = new CustomTypes(deps);
  const controller = startNamespaceController({ ...deps, customTypes }, stop.signal);
  return {
    client,
    namespace: () => client.find<Namespace>(resources.namespaces, { name: 'n' }),
    async until(check: () => Promise<boolean>): Promise<void> {
      for (let turn = 0; turn < 1000; turn++) {
        if (await check()) return;
        await clock.advance(1);
      }
      throw new Error(`never so: ${check}`);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await controller[Symbol.asyncDispose]();
      await customTypes[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('a namespace that ends takes its objects with it', async () => {
  await using s = await scene();
  await s.client.create(resources.namespaces, { metadata: { name: 'n' } });
  await s.client.create(resources.configmaps, { metadata: { namespace: 'n', name: 'm' } });
  await s.client.create(resources.secrets, { metadata: { namespace: 'n', name: 's' } });
  await s.client.delete(resources.namespaces, { name: 'n' });
  await s.until(async () => (await s.namespace()) === undefined);
  expect((await s.client.list(resources.configmaps, { namespace: 'n' })).items).toEqual([]);
});

test('a namespace that waits for a finalizer says so, and goes with it', async () => {
  await using s = await scene();
  const ref = { namespace: 'n', name: 'held' };
  await s.client.create(resources.namespaces, { metadata: { name: 'n' } });
  await s.client.create(resources.configmaps, { metadata: { ...ref, finalizers: ['example.com/hold'] } });
  await s.client.create(resources.configmaps, { metadata: { namespace: 'n', name: 'free' } });
  await s.client.delete(resources.namespaces, { name: 'n' });
  await s.until(async () => (await s.namespace())?.status?.conditions !== undefined);
  const said = Object.fromEntries(
    ((await s.namespace())?.status?.conditions ?? []).map(({ type, status, reason, message }) => [
      type,
      `${status} ${reason}: ${message}`,
    ]),
  );
  expect(said).toEqual({
    NamespaceDeletionDiscoveryFailure: 'False ResourcesDiscovered: All resources successfully discovered',
    NamespaceDeletionGroupVersionParsingFailure: 'False ParsedGroupVersions: All legacy kube types successfully parsed',
    NamespaceDeletionContentFailure:
      'False ContentDeleted: All content successfully deleted, may be waiting on finalization',
    NamespaceContentRemaining:
      'True SomeResourcesRemain: Some resources are remaining: configmaps. has 1 resource instances',
    NamespaceFinalizersRemaining:
      'True SomeFinalizersRemain: Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
  });
  const held = await s.client.get<ConfigMap>(resources.configmaps, ref);
  await s.client.update<ConfigMap>(resources.configmaps, { ...held, metadata: { ...held.metadata, finalizers: [] } });
  await s.until(async () => (await s.namespace()) === undefined);
});
