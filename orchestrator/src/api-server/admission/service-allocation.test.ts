import { seededRng, silentLogger } from '@berth/kit';
import { isReason, KubeClient, resources, type Service, type ServiceSpec } from '@berth/kube';
import { expect, test } from 'vitest';
import { createApiServer } from '../create-api-server.ts';
import { definitions } from '../resources/definitions.ts';
import { aServer } from '../server.test-harness.ts';

/** Services of one server; what it refuses is its message. */
function servicesOf(client: KubeClient) {
  const shown = async (answer: Promise<Service>): Promise<ServiceSpec | string> =>
    answer.then(
      ({ spec }) => spec as ServiceSpec,
      (error: unknown) => {
        if (isReason(error, 'Invalid', 'InternalError', 'Unknown')) return error.status.message ?? '';
        throw error;
      },
    );
  const at = (name: string) => ({ name, namespace: 'default' });
  return {
    create: (name: string, spec: object, dryRun = false) =>
      shown(
        client.create(
          resources.services,
          { metadata: at(name), spec: { ports: [{ port: 80 }], ...spec } } as Service,
          dryRun ? { dryRun: 'All' } : {},
        ),
      ),
    patch: (name: string, spec: object) =>
      shown(client.patch(resources.services, at(name), { type: 'merge', patch: { spec } })),
    remove: (name: string) => client.delete(resources.services, at(name)),
  };
}

const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };
const taken = 'provided port is already allocated';
const failed = (port: number, why: string) =>
  `Internal error occurred: failed to allocate requested HealthCheck NodePort ${port}: ${why}`;
const immutable = 'Service "a" is invalid: spec.healthCheckNodePort: Forbidden: field is immutable';

test('a balancer of local traffic has a health check port as long as it needs one, and no one else has it', async () => {
  await using server = await aServer();
  const { create, patch, remove } = servicesOf(server.client);
  const { healthCheckNodePort: any } = (await create('any', local)) as ServiceSpec;
  expect(any).toBeGreaterThanOrEqual(30_000);
  expect(await patch('any', { sessionAffinity: 'ClientIP', healthCheckNodePort: null })).toMatchObject({
    healthCheckNodePort: any,
  });
  const named = { ...local, healthCheckNodePort: 30_555 };
  expect(await create('a', named, true)).toMatchObject(named);
  expect(await create('a', named)).toMatchObject(named);
  expect(await create('b', named)).toBe(failed(30_555, taken));
  expect(await create('b', { type: 'NodePort', ports: [{ port: 80, nodePort: 30_555 }] })).toBe(
    `Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30555: ${taken}`,
  );
  const both = { ...local, healthCheckNodePort: 30_556, ports: [{ port: 80, nodePort: 30_556 }] };
  expect(await create('b', both)).toBe(failed(30_556, taken));
  expect(await create('b', { ...local, healthCheckNodePort: 80 })).toBe(
    failed(80, 'provided port is not in the valid range. The range of valid ports is 30000-32767'),
  );
  expect(await patch('a', { healthCheckNodePort: 30_557 })).toBe(immutable);
  const only = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
  expect(await patch('a', { externalTrafficPolicy: 'Cluster', healthCheckNodePort: 30_557 })).toBe(
    `Service "a" is invalid: spec.healthCheckNodePort: Invalid value: 30557: ${only}`,
  );
  const cluster = (await patch('a', { externalTrafficPolicy: 'Cluster' })) as ServiceSpec;
  expect(cluster.healthCheckNodePort).toBeUndefined();
  expect(await create('b', named)).toMatchObject(named);
  expect(await patch('a', named)).toBe(failed(30_555, taken));
  await remove('b');
  expect(await patch('a', named)).toMatchObject(named);
  // What was tried in vain may be tried again.
  expect(await create('c', { ...both, healthCheckNodePort: 30_558, ports: [] })).toMatch(/spec.ports: Required value$/);
  expect(await create('c', { ...both, healthCheckNodePort: 30_558 })).toMatchObject({ healthCheckNodePort: 30_558 });

  // Another start finds what is given out.
  const { store, clock } = server;
  await using again = await createApiServer({
    store,
    definitions,
    clock,
    rng: seededRng(2),
    log: silentLogger,
    nodeApi: () => undefined,
  });
  const later = servicesOf(new KubeClient(again.transport()));
  expect(await later.create('d', named)).toBe(failed(30_555, taken));
});

test('node ports go by name, are shared by protocols, and are not given where nobody wants them', async () => {
  await using server = await aServer();
  const { create, patch } = servicesOf(server.client);
  const type = 'NodePort';
  const portsOf = (spec: ServiceSpec | string) =>
    typeof spec === 'string' ? spec : spec.ports?.map(({ nodePort }) => nodePort);
  const [one, other] = [
    { name: 'a', port: 80, nodePort: 30_810 },
    { name: 'b', port: 81, nodePort: 30_811 },
  ];
  expect(portsOf(await create('k', { type, ports: [one, other] }))).toEqual([30_810, 30_811]);
  const renumbered = [
    { name: 'a', port: 90 },
    { name: 'b', port: 91 },
  ];
  expect(portsOf(await patch('k', { ports: renumbered }))).toEqual([30_810, 30_811]);
  const dns = [
    { name: 'u', port: 53, protocol: 'UDP' },
    { name: 't', port: 53, nodePort: 30_800 },
  ];
  expect(portsOf(await create('dns', { type, ports: dns }))).toEqual([30_800, 30_800]);
  const twice = [
    { ...one, nodePort: 30_820 },
    { ...other, nodePort: 30_820 },
  ];
  expect(portsOf(await patch('k', { ports: twice }))).toBe('duplicate nodePort: {TCP 30820}');
  const none = { type: 'LoadBalancer', allocateLoadBalancerNodePorts: false };
  expect(portsOf(await create('none', none))).toEqual([undefined]);
  expect(portsOf(await create('some', { ...none, ports: [other, { name: 'a', port: 80, nodePort: 30_830 }] }))).toEqual(
    expect.stringContaining('spec.ports[0].nodePort: Invalid value: 30811: provided port is already allocated'),
  );
});

test.each([
  [
    'clusterIPs',
    { clusterIPs: ['10.96.0.4'] },
    'Invalid value: ["10.96.0.4"]: must be empty when `clusterIP` is not specified',
  ],
  ['clusterIPs[0]', { clusterIP: 'fd00::1' }, 'Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster'],
  [
    'ipFamilyPolicy',
    { ipFamilyPolicy: 'RequireDualStack' },
    'Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
  ],
  ['ipFamilies[0]', { ipFamilies: ['IPv6'] }, 'Invalid value: "IPv6": not configured on this cluster'],
  [
    'clusterIPs',
    { clusterIP: '10.96.0.0' },
    'Invalid value: ["10.96.0.0"]: failed to allocate IP 10.96.0.0: the provided network does not match the current range',
  ],
])('spec.%s of %j is refused before all else', async (field, spec, why) => {
  await using server = await aServer();
  expect(await servicesOf(server.client).create('s', { ...spec, ports: [] })).toBe(
    `Service "s" is invalid: spec.${field}: ${why}`,
  );
});

test('a service that is only tried shows the addresses and ports that upstream shows, and has none of them', async () => {
  await using server = await aServer();
  const { create } = servicesOf(server.client);
  const type = 'NodePort';
  const ports = [
    { name: 'a', port: 80 },
    { name: 'b', port: 81 },
  ];
  const tried = (await create('a', { type, ports }, true)) as ServiceSpec;
  expect(tried).toMatchObject({ clusterIP: '10.96.0.0', clusterIPs: ['10.96.0.0'] });
  expect(tried.ports?.map(({ nodePort }) => nodePort)).toEqual([32_769, 32_770]);
  const asked = [{ name: 'a', port: 80, nodePort: 30_900 }, ports[1]];
  const next = (await create('a', { type, ports: asked, clusterIP: '10.96.0.9' }, true)) as ServiceSpec;
  expect(next.ports?.map(({ nodePort }) => nodePort)).toEqual([30_900, 30_901]);
  expect(await create('b', local, true)).toMatchObject({ ports: [{ nodePort: 32_769 }], healthCheckNodePort: 32_770 });
  const outside = 'the provided IP (10.97.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16';
  expect(await create('a', { clusterIP: '10.97.0.1' }, true)).toContain(`failed to allocate IP 10.97.0.1: ${outside}`);
  expect(await create('a', { type, ports: asked, clusterIP: '10.96.0.9' })).toMatchObject({ clusterIP: '10.96.0.9' });
});

// Each answer is kube-apiserver 1.36's.
test.each([
  ['outside of the range', { clusterIP: '1.2.3.4' }, '["1.2.3.4"]: may not change once set'],
  ['of another service', { clusterIP: '10.96.0.9' }, '["10.96.0.9"]: may not change once set'],
  ['in both forms', { clusterIP: '10.96.0.8', clusterIPs: ['10.96.0.8'] }, '["10.96.0.8"]: may not change once set'],
  ['with another type', { type: 'NodePort', clusterIP: '1.2.3.4' }, '["1.2.3.4"]: may not change once set'],
])('a service keeps its address; another, %s, is not even looked for', async (_what, spec, why) => {
  await using server = await aServer();
  const { create, patch } = servicesOf(server.client);
  await create('a', { clusterIP: '10.96.0.7' });
  await create('b', { clusterIP: '10.96.0.9' });
  expect(await patch('a', spec)).toBe(`Service "a" is invalid: spec.clusterIPs[0]: Invalid value: ${why}`);
  expect(await create('c', { clusterIP: '10.96.0.8' })).toMatchObject({ clusterIP: '10.96.0.8' });
});

test('a service that had a name outside is given the address it asks for', async () => {
  await using server = await aServer();
  const { create, patch } = servicesOf(server.client);
  await create('a', { type: 'ExternalName', externalName: 'example.com' });
  const wanted = { type: 'ClusterIP', externalName: null, clusterIP: '10.96.0.7' };
  expect(await patch('a', wanted)).toMatchObject({ clusterIP: '10.96.0.7', clusterIPs: ['10.96.0.7'] });
});

// kube-apiserver 1.36's answers.
test('who gives one of two families up says so, whichever it is', async () => {
  await using server = await aServer();
  const { create, patch } = servicesOf(server.client);
  expect(await create('a', { clusterIP: 'None' })).toMatchObject({ ipFamilies: ['IPv4', 'IPv6'] });
  const refused =
    'Service "a" is invalid: spec.ipFamilyPolicy: Invalid value: "RequireDualStack": ' +
    "must be 'SingleStack' to release the secondary IP family";
  for (const family of ['IPv4', 'IPv6']) expect(await patch('a', { ipFamilies: [family] })).toBe(refused);
  expect(await patch('a', { ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' })).toMatchObject({
    ipFamilies: ['IPv4'],
  });
});
