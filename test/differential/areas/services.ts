import { at, combined, oneOf, type World } from './world.ts';

const place = at('v1', 'services');
const policies = [undefined, 'SingleStack', 'PreferDualStack', 'RequireDualStack', 'x'];
const families = [undefined, [], ['IPv4'], ['IPv6'], ['IPv4', 'IPv6'], ['IPv6', 'IPv4'], ['IPv4', 'IPv4'], ['x']];
const types = ['ClusterIP', 'NodePort', 'ExternalName'];
const addresses = [
  {},
  { clusterIP: 'None' },
  { clusterIP: '10.96.0.77' },
  { clusterIP: 'fd00:10::77' },
  { clusterIP: '10.1.0.7' },
  { clusterIP: '10.96.0.77', clusterIPs: ['10.96.0.77', 'fd00:10::77'] },
  { clusterIP: 'fd00:10::77', clusterIPs: ['fd00:10::77', '10.96.0.77'] },
  { clusterIP: '10.96.0.77', clusterIPs: ['10.96.0.77', '10.96.0.78'] },
  { clusterIP: '10.96.0.77', clusterIPs: ['10.96.0.77', 'None'] },
  { clusterIP: 'None', clusterIPs: ['None', '10.96.0.77'] },
  { clusterIP: '', clusterIPs: [] },
  { clusterIPs: ['10.96.0.77'] },
  { clusterIP: '10.96.0.78', clusterIPs: ['10.96.0.77'] },
  { clusterIP: '10.96.0.77', clusterIPs: ['10.96.0.77', 'fd00:10::77', '10.96.0.78'] },
];
const selectors = [{ app: 'x' }, undefined];

const service = (spec: object) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's' },
  spec: { ports: [{ port: 80 }], ...spec },
});

/** Families and addresses of Services, new ones and changed ones, by all that can be said of them. */
export async function services(world: World): Promise<void> {
  const all = [...combined({ policies, families, types, addresses, selectors })].map(
    ({ policies: ipFamilyPolicy, families: ipFamilies, types: type, addresses: some, selectors: selector }) => ({
      ipFamilyPolicy,
      ipFamilies,
      type,
      selector,
      ...some,
      ...(type === 'ExternalName' ? { externalName: 'example.com' } : {}),
    }),
  );
  const any = () => oneOf(world.rng, all);
  for (let i = 0; i < world.cases; i++) {
    await world.ask('new, tried', { method: 'POST', path: `${place}?dryRun=All`, body: service(any()) });
    const made = await world.ask('new', { method: 'POST', path: place, body: service(any()) });
    if (made.some(({ status }) => status !== 201)) continue;
    for (let k = 0; k < 6; k++) {
      await world.ask('PUT', { method: 'PUT', path: `${place}/s`, body: service(any()) });
      await world.ask('PATCH', { method: 'PATCH', path: `${place}/s`, body: { spec: changeOf(any()) } });
      await world.ask('GET', { method: 'GET', path: `${place}/s` });
    }
    await world.ask('DELETE', { method: 'DELETE', path: `${place}/s` });
  }

  /** Some of it: what is undefined is taken away. */
  function changeOf(spec: object): object {
    const entries = Object.entries(spec).filter(() => world.rng.next() < 0.5);
    return Object.fromEntries(entries.map(([name, value]) => [name, value ?? null]));
  }
}
