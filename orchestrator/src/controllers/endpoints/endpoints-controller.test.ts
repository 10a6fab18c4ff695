import { createLogger, type Logger, seededRng, silentLogger } from '@berth/kit';
import {
  type EndpointSlice,
  type Endpoints,
  KubeClient,
  type Namespace,
  type Pod,
  resources,
  startInformers,
} from '@berth/kube';
import { expect, test } from 'vitest';
import { aPod, aServer } from '../../api-server/server.test-harness.ts';
import { defaultServices } from '../../api-server/service-ips/default-services.ts';
import { untilSo } from '../controller.test-harness.ts';
import { startEndpointsController } from './endpoints-controller.ts';

type Before = { readonly name: string; readonly annotations?: Record<string, string>; readonly subsets?: object[] };

/** `before`: Endpoints that there are before the controller starts. */
async function scene(services = defaultServices, log: Logger = silentLogger, before: readonly Before[] = []) {
  const server = await aServer({ services });
  const { clock } = server;
  const client = new KubeClient(server.server.transport());
  for (const { name, annotations = {}, ...more } of before)
    await client.create(resources.endpoints, {
      metadata: { namespace: 'default', name, annotations },
      ...more,
    } as Endpoints);
  const stop = new AbortController();
  const informers = startInformers(client, { clock, log: silentLogger }, stop.signal);
  const recorder = () => ({ event: () => undefined });
  const deps = { client, informers, clock, rng: seededRng(1), log, recorder };
  const controller = startEndpointsController(deps, stop.signal);
  const ref = { namespace: 'default', name: 's' };
  const slices = async () =>
    (await client.list<EndpointSlice>(resources.endpointslices)).items.filter(
      ({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === 's',
    );
  return {
    client,
    service: (spec: object, labels: Record<string, string> = {}) =>
      client.create(resources.services, { metadata: { ...ref, labels }, spec }),
    endpoints: () => client.find<Endpoints>(resources.endpoints, ref),
    slices,
    slice: async () => (await slices())[0],
    until: (check: () => Promise<boolean>) => untilSo(clock, check),
    async pod(
      name: string,
      { ip, ipv6, ready, ...more }: { ip: string; ipv6?: string; ready: boolean; spec?: object },
    ): Promise<void> {
      const made = await client.create<Pod>(
        resources.pods,
        aPod(name, { metadata: { labels: { app: 'x' } }, ...more }),
      );
      const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }];
      const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }, ...(ipv6 ? [{ ip: ipv6 }] : [])], conditions };
      await client.updateStatus<Pod>(resources.pods, { ...made, status });
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await controller[Symbol.asyncDispose]();
      await informers[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('a headless Service without targetPort leads to its port, ready and unready pods apart', async () => {
  await using s = await scene();
  await s.service({ clusterIP: 'None', selector: { app: 'x' }, ports: [{ port: 80, name: 'web' }] });
  await s.until(async () => (await s.slice()) !== undefined);
  // As upstream's controller leaves it, whose protobuf knows no empty lists.
  expect(await s.slice()).toMatchObject({ endpoints: null, ports: null });
  await s.pod('a', { ip: '10.0.0.1', ready: true, spec: { hostname: 'a', subdomain: 's' } });
  await s.pod('b', { ip: '10.0.0.2', ready: false });
  await s.until(async () => (await s.slice())?.endpoints?.length === 2);
  const target = { kind: 'Pod', name: 'a' };
  await s.until(async () => (await s.endpoints())?.subsets?.[0]?.notReadyAddresses?.length === 1);
  expect(await s.endpoints()).toMatchObject({
    metadata: { labels: { 'service.kubernetes.io/headless': '' } },
    subsets: [
      {
        addresses: [{ ip: '10.0.0.1', hostname: 'a', targetRef: target }],
        notReadyAddresses: [{ ip: '10.0.0.2' }],
        ports: [{ name: 'web', port: 80, protocol: 'TCP' }],
      },
    ],
  });
  expect(await s.slice()).toMatchObject({
    addressType: 'IPv4',
    endpoints: [
      { addresses: ['10.0.0.1'], conditions: { ready: true, serving: true, terminating: false }, hostname: 'a' },
      { addresses: ['10.0.0.2'], conditions: { ready: false, serving: false, terminating: false } },
    ],
    ports: [{ name: 'web', port: 80, protocol: 'TCP' }],
  });
});

test('a named target port is looked up in the pods', async () => {
  await using s = await scene();
  await s.service({ selector: { app: 'x' }, ports: [{ port: 80, targetPort: 'web' }] });
  const containers = [{ name: 'c', image: 'i', ports: [{ name: 'web', containerPort: 8080 }] }];
  await s.pod('a', { ip: '10.0.0.1', ready: true, spec: { containers } });
  await s.until(async () => (await s.endpoints())?.subsets?.[0]?.ports?.[0]?.port === 8080);
});

test('pods that have a named port at different numbers are told apart', async () => {
  await using s = await scene();
  await s.service({
    selector: { app: 'x' },
    ports: [
      { port: 80, name: 'http', targetPort: 'web' },
      { port: 9, name: 'm' },
    ],
  });
  const at = (containerPort: number) => ({
    containers: [{ name: 'c', image: 'i', ports: [{ name: 'web', containerPort }] }],
  });
  await s.pod('a', { ip: '10.0.0.1', ready: true, spec: at(8080) });
  await s.pod('b', { ip: '10.0.0.2', ready: true, spec: at(9090) });
  await s.pod('c', { ip: '10.0.0.3', ready: true, spec: at(8080) });
  const slices = async () =>
    (await s.slices()).map(({ endpoints, ports }) => {
      const ips = endpoints?.flatMap(({ addresses }) => addresses);
      return `${ips}: ${ports?.map(({ port }) => port)}`;
    });
  const bothSlices = ['10.0.0.1,10.0.0.3: 8080,9', '10.0.0.2: 9090,9'];
  await s.until(async () => (await slices()).toSorted().join(' ') === bothSlices.join(' '));
  const subsets = async () =>
    ((await s.endpoints())?.subsets ?? []).map(({ addresses, ports }) => {
      const ips = addresses?.map(({ ip }) => ip);
      return `${ips}: ${ports?.map(({ port }) => port)}`;
    });
  const all = ['10.0.0.1,10.0.0.2,10.0.0.3: 9', '10.0.0.1,10.0.0.3: 8080', '10.0.0.2: 9090'];
  expect((await subsets()).toSorted()).toEqual(all);
  await s.client.delete(resources.pods, { namespace: 'default', name: 'b' }, { gracePeriodSeconds: 0 });
  await s.until(async () => (await slices()).join(' ') === '10.0.0.1,10.0.0.3: 8080,9');
});

test('Endpoints and slices that somebody deletes come back', async () => {
  await using s = await scene();
  await s.service({ selector: { app: 'x' }, ports: [{ port: 80 }] });
  await s.pod('a', { ip: '10.0.0.1', ready: true });
  await s.until(async () => (await s.slice())?.endpoints?.length === 1);
  const { name, namespace, uid } = (await s.slice())?.metadata ?? {};
  await s.client.delete(resources.endpointslices, { namespace, name: name as string });
  await s.client.delete(resources.endpoints, { namespace, name: 's' });
  await s.until(async () => ![undefined, uid].includes((await s.slice())?.metadata.uid));
  await s.until(async () => (await s.endpoints())?.subsets?.length === 1);
});

// endpoints syncService, endpointslice setEndpointSliceLabels.
test("a Service's labels are those of its Endpoints and slices, also when they change alone; which are headless it does not say itself", async () => {
  await using s = await scene();
  const headless = 'service.kubernetes.io/headless';
  await s.service({ selector: { app: 'x' }, ports: [{ port: 80 }] }, { team: 'a', [headless]: '' });
  const both = async () => [(await s.endpoints())?.metadata.labels, (await s.slice())?.metadata.labels];
  await s.until(async () => (await both()).every((labels) => labels?.['team'] === 'a'));
  for (const labels of await both()) expect(labels).not.toHaveProperty([headless]);
  const relabel = (labels: Record<string, string | null>) =>
    s.client.patch(
      resources.services,
      { namespace: 'default', name: 's' },
      { type: 'merge', patch: { metadata: { labels } } },
    );
  await relabel({ team: 'b', more: '1' });
  await s.until(async () => (await both()).every((labels) => labels?.['team'] === 'b' && labels['more'] === '1'));
  await relabel({ more: null });
  await s.until(async () => (await both()).every((labels) => labels !== undefined && !('more' in labels)));
  expect(await both()).toEqual([
    { team: 'b', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' },
    {
      team: 'b',
      'kubernetes.io/service-name': 's',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    },
  ]);
});

test('a slice that somebody changes is put right', async () => {
  await using s = await scene();
  await s.service({ selector: { app: 'x' }, ports: [{ port: 80 }] });
  await s.pod('a', { ip: '10.0.0.1', ready: true });
  await s.until(async () => (await s.slice())?.endpoints?.length === 1);
  const slice = (await s.slice()) as EndpointSlice;
  const changed = await s.client.update<EndpointSlice>(resources.endpointslices, {
    ...slice,
    endpoints: [{ addresses: ['10.0.0.9'] }],
  });
  await s.until(async () => (await s.slice())?.metadata.resourceVersion !== changed.metadata.resourceVersion);
  expect((await s.slice())?.endpoints).toEqual(slice.endpoints);
});

test('Endpoints of a Service that went while nobody looked go at the start, those of an election and by hand later stay', async () => {
  await using s = await scene(defaultServices, silentLogger, [
    { name: 'left', subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] },
    { name: 'elected', annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } },
  ]);
  const names = async () =>
    (await s.client.list<Endpoints>(resources.endpoints)).items.map((each) => each.metadata.name);
  await s.until(async () => !(await names()).includes('left'));
  await s.client.create(resources.endpoints, { metadata: { namespace: 'default', name: 'by-hand' } });
  await s.service({ selector: { app: 'x' }, ports: [{ port: 80 }] });
  await s.until(async () => (await s.slice()) !== undefined && (await s.endpoints()) !== undefined);
  expect((await names()).toSorted()).toEqual(['by-hand', 'elected', 's']);
});

// endpointslice reconciler reconcileByAddressType, dropEndpointSlicesPendingDeletion.
test('slices of an earlier Service of the name go, and one that is being deleted gets nothing more', async () => {
  await using s = await scene();
  await s.service({ selector: { app: 'x' }, ports: [{ port: 80 }] });
  await s.until(async () => (await s.slice()) !== undefined);
  const { metadata } = (await s.slice()) as EndpointSlice;
  const { namespace, labels } = metadata;
  const owner = { apiVersion: 'v1', kind: 'Service', name: 's', uid: 'of-an-earlier-one' };
  await s.client.create(resources.endpointslices, {
    metadata: { namespace, name: 'earlier', labels, ownerReferences: [owner] },
    addressType: 'IPv4',
    endpoints: [],
  } as unknown as EndpointSlice);
  const ref = { namespace, name: metadata.name as string };
  await s.client.patch(resources.endpointslices, ref, {
    type: 'merge',
    patch: { metadata: { finalizers: ['a.b/c'] } },
  });
  await s.client.delete(resources.endpointslices, ref);
  await s.pod('a', { ip: '10.0.0.1', ready: true });
  await s.until(async () => (await s.slices()).some(({ endpoints }) => endpoints?.length === 1));
  await s.until(async () => (await s.slices()).length === 2);
  const told = (await s.slices()).map((each) => [each.metadata.name === ref.name, each.endpoints?.length ?? 0]);
  expect(told.toSorted()).toEqual([
    [false, 1],
    [true, 0],
  ]);
});

// endpointslice reconciler Reconcile, endpoints podToEndpointAddressForService.
test('a Service of both families has slices of both, and Endpoints of its first; one that is no more asked for goes', async () => {
  await using s = await scene({ ...defaultServices, cidrs: ['10.96.0.0/16', 'fd00:10::/112'] });
  const both = { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] };
  await s.service({ selector: { app: 'x' }, ports: [{ port: 80 }], ...both });
  const slices = async () =>
    (await s.slices())
      .map(({ addressType, endpoints }) =>
        [addressType, ...(endpoints ?? []).flatMap(({ addresses }) => addresses)].join(' '),
      )
      .toSorted()
      .join();
  await s.until(async () => (await slices()) === 'IPv4,IPv6');
  await s.pod('of-one', { ip: '10.0.0.1', ready: true });
  await s.until(async () => (await slices()) === 'IPv4 10.0.0.1,IPv6');
  await s.pod('of-both', { ip: '10.0.0.2', ipv6: 'fd00::2', ready: true });
  await s.until(async () => (await slices()) === 'IPv4 10.0.0.1 10.0.0.2,IPv6 fd00::2');
  await s.until(async () => (await s.endpoints())?.subsets?.[0]?.addresses?.[0]?.ip === 'fd00::2');
  expect((await s.endpoints())?.subsets?.[0]?.addresses).toHaveLength(1);
  const one = { type: 'merge', patch: { spec: { ipFamilyPolicy: 'SingleStack' } } } as const;
  await s.client.patch(resources.services, { namespace: 'default', name: 's' }, one);
  await s.until(async () => (await slices()) === 'IPv6 fd00::2');
});

// endpoints syncService, capacityAnnotationSetCorrectly; slices know no such limit.
test('of more than 1,000 addresses Endpoints tell 1,000 and that these are not all, until they are again', async () => {
  await using s = await scene();
  const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
  // Each port has a subset of its own, as each is missing in another pod: 26 of 39 addresses.
  const portsBut = (missing: number) =>
    numbers(26)
      .filter((port) => port !== missing)
      .map((port) => ({ name: `p${port}`, containerPort: 8000 + port }));
  for (const i of numbers(40)) {
    const containers = [{ name: 'c', image: 'i', ports: portsBut(i) }];
    await s.pod(`pod-${i}`, { ip: `10.0.0.${i}`, ready: true, spec: { containers } });
  }
  await s.service({
    selector: { app: 'x' },
    ports: numbers(26).map((port) => ({ name: `p${port}`, port: 80 + port, targetPort: `p${port}` })),
  });
  const subsets = async () => (await s.endpoints())?.subsets?.map(({ addresses }) => addresses?.length) ?? [];
  await s.until(async () => (await subsets()).length === 26);
  expect((await subsets()).toSorted()).toEqual([25, ...Array(25).fill(39)]);
  const capacity = 'endpoints.kubernetes.io/over-capacity';
  const annotations = async () => (await s.endpoints())?.metadata.annotations;
  expect(await annotations()).toEqual({ [capacity]: 'truncated' });
  const inSlices = async () => (await s.slices()).flatMap(({ endpoints, ports }) => endpoints?.map(() => ports) ?? []);
  await s.until(async () => (await inSlices()).flat().length === 26 * 39);
  await s.client.patch(
    resources.endpoints,
    { namespace: 'default', name: 's' },
    { type: 'merge', patch: { metadata: { annotations: { more: '1' } } } },
  );
  await s.client.delete(resources.pods, { namespace: 'default', name: 'pod-39' }, { gracePeriodSeconds: 0 });
  await s.until(async () => (await annotations())?.[capacity] === undefined);
  expect(await annotations()).toEqual({ more: '1' });
  expect(await subsets()).toEqual(Array(26).fill(38));
});

test('an ended pod is no endpoint, and a Service that goes takes its Endpoints with it', async () => {
  await using s = await scene();
  await s.service({ selector: { app: 'x' }, ports: [{ port: 80 }] });
  await s.pod('a', { ip: '10.0.0.1', ready: true });
  await s.until(async () => (await s.endpoints())?.subsets?.length === 1);
  const ref = { namespace: 'default', name: 'a' };
  const pod = await s.client.get<Pod>(resources.pods, ref);
  await s.client.updateStatus<Pod>(resources.pods, { ...pod, status: { ...pod.status, phase: 'Succeeded' } });
  await s.until(async () => (await s.endpoints())?.subsets === undefined);
  await s.client.delete(resources.services, { namespace: 'default', name: 's' });
  await s.until(async () => (await s.endpoints()) === undefined);
});

test('a Service that loses its Endpoints while its namespace is deleted gets none again, and nobody is told of a failure', async () => {
  const lines: string[] = [];
  const log = createLogger({ level: 'warn', now: () => 0, write: (line) => void lines.push(line) });
  await using s = await scene(defaultServices, log);
  const ref = { namespace: 'going', name: 's' };
  const namespace = await s.client.create<Namespace>(resources.namespaces, { metadata: { name: 'going' } });
  await s.client.create(resources.services, { metadata: ref, spec: { selector: { app: 'x' }, ports: [{ port: 80 }] } });
  await s.until(async () => (await s.client.find(resources.endpoints, ref)) !== undefined);
  await s.client.delete(resources.namespaces, { name: namespace.metadata.name as string });
  await s.client.delete(resources.endpoints, ref);
  // Its turn has come when that of a later one has.
  await s.service({ selector: { app: 'x' }, ports: [{ port: 80 }] });
  await s.until(async () => (await s.slice()) !== undefined);
  expect(await s.client.find(resources.endpoints, ref)).toBeUndefined();
  expect(lines).toEqual([]);
});
