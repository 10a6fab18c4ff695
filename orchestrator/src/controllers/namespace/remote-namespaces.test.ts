import {
  type APIService,
  type ApiRequest,
  apiError,
  KubeClient,
  type Namespace,
  resources,
  type Transport,
} from '@berth/kube';
import { expect, test } from 'vitest';
import { aServer } from '../../api-server/server.test-harness.ts';
import { withControllers } from '../controller.test-harness.ts';
import { startNamespaceController } from './namespace-controller.ts';

const root = '/apis/loads.example.com/v1';
const all = ['get', 'list', 'delete'];

/** Another server's API: what it has in each namespace by plural, and whether it answers. */
async function scene() {
  const server = await aServer();
  const own = server.server.transport();
  const kept = new Map([
    [`${root}/namespaces/n/loads`, ['a', 'b']],
    [`${root}/namespaces/n/peaks`, ['c']],
    [`${root}/namespaces/other/loads`, ['d']],
  ]);
  const answer = async ({ method, path }: ApiRequest): Promise<unknown> => {
    if (path === root)
      return {
        resources: [
          { name: 'loads', kind: 'Load', namespaced: true, verbs: all },
          { name: 'loads/status', kind: 'Load', namespaced: true, verbs: all },
          { name: 'peaks', kind: 'Peak', namespaced: true, verbs: [...all, 'deletecollection'] },
          { name: 'figures', kind: 'Figure', namespaced: true, verbs: ['get', 'list'] },
          { name: 'places', kind: 'Place', namespaced: false, verbs: all },
        ],
      };
    const collection = path.endsWith('s') ? path : path.slice(0, path.lastIndexOf('/'));
    const names = kept.get(collection);
    if (!names) throw apiError('NotFound', path);
    if (method === 'DELETE')
      kept.set(collection, path === collection ? [] : names.filter((name) => !path.endsWith(`/${name}`)));
    return { items: names.map((name) => ({ metadata: { name } })) };
  };
  const transport: Transport = {
    request: (request, signal) => (request.path.startsWith(root) ? answer(request) : own.request(request, signal)),
    watch: (request, signal) => own.watch(request, signal),
  };
  const world = withControllers({ ...server, client: new KubeClient(transport) }, [startNamespaceController]);
  const { client } = world;
  const service = { namespace: 'default', name: 'loads' };
  await client.create<APIService>(resources.apiservices, {
    metadata: { name: 'v1.loads.example.com' },
    spec: { group: 'loads.example.com', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1, service },
  });
  await client.create(resources.namespaces, { metadata: { name: 'n' } });
  await client.delete(resources.namespaces, { name: 'n' });
  const namespace = () => client.find<Namespace>(resources.namespaces, { name: 'n' });
  return Object.assign(world, { kept, namespace });
}

test('a namespace waits for a server that does not say what it keeps there, and says so', async () => {
  await using s = await scene();
  await s.until(async () => (await s.namespace())?.status?.conditions !== undefined);
  expect((await s.namespace())?.status?.conditions).toContainEqual(
    expect.objectContaining({
      type: 'NamespaceDeletionDiscoveryFailure',
      status: 'True',
      reason: 'DiscoveryFailed',
      message:
        'Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: loads.example.com/v1: stale GroupVersion discovery: loads.example.com/v1',
    }),
  );
  await s.client.delete(resources.apiservices, { name: 'v1.loads.example.com' });
  await s.until(async () => (await s.namespace()) === undefined);
});

test('what another server keeps in a namespace goes with it', async () => {
  await using s = await scene();
  await s.until(async () => (await s.namespace())?.status?.conditions !== undefined);
  const found = await s.client.get<APIService>(resources.apiservices, { name: 'v1.loads.example.com' });
  const conditions = [{ type: 'Available', status: 'True' }];
  await s.client.updateStatus<APIService>(resources.apiservices, { ...found, status: { conditions } });
  await s.until(async () => (await s.namespace()) === undefined);
  expect(Object.fromEntries(s.kept)).toEqual({
    [`${root}/namespaces/n/loads`]: [],
    [`${root}/namespaces/n/peaks`]: [],
    [`${root}/namespaces/other/loads`]: ['d'],
  });
});
