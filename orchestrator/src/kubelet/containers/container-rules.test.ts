import type { Service } from '@berth/kube';
import { expect, test } from 'vitest';
import { aContainer, aPod } from '../testing/test-node.ts';
import { podDns } from './dns-config.ts';
import { expandCommand, expandVariables } from './expand-variables.ts';
import { fieldValue, resourceValue } from './field-reference.ts';
import { hostsFile } from './hosts-file.ts';
import { canonicalReference, imageReference } from './image-reference.ts';
import { cpuQuotaUs, cpuShares, linuxResources, podCgroupPath, podLimits } from './linux-resources.ts';
import { containerSecurity, verifyRunAsNonRoot } from './security.ts';
import { serviceEnvironment, servicesForPod } from './service-environment.ts';

const digest = `sha256:${'a'.repeat(64)}`;

for (const [image, expected] of [
  ['busybox', 'busybox:latest'],
  ['busybox:1', 'busybox:1'],
  ['reg.io:5000/a/b', 'reg.io:5000/a/b:latest'],
  [`a/b@${digest}`, `a/b@${digest}`],
  ['Busybox', undefined],
  ['a//b', undefined],
  ['', undefined],
  ['a:b:c/d e', undefined],
] as const) {
  test(`image reference "${image}" is ${expected ?? 'invalid'}`, () => {
    expect(imageReference(image)).toBe(expected);
  });
}

test('images are reported by their full name', () => {
  const full = ['busybox', 'a/b:1', 'reg.io/a:1', 'localhost/a:1'].map(canonicalReference);
  expect(full).toEqual(['docker.io/library/busybox:latest', 'docker.io/a/b:1', 'reg.io/a:1', 'localhost/a:1']);
});

for (const [text, expected] of [
  ['$(A)-$(B)', '1-$(B)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$1'],
  ['$(A', '$(A'],
  ['$A', '$A'],
  ['end$', 'end$'],
  ['$()', '$()'],
] as const) {
  test(`"${text}" expands to "${expected}"`, () => {
    expect(expandVariables(text, (name) => (name === 'A' ? '1' : undefined))).toBe(expected);
  });
}

test('variables that name others twice are refused when they are longer than any program takes, not made', () => {
  const known = new Map([['V0', 'x'.repeat(1024)]]);
  const doubled = () => {
    for (let i = 1; i < 25; i++)
      known.set(
        `V${i}`,
        expandVariables(`$(V${i - 1})`.repeat(2), (name) => known.get(name)),
      );
  };
  expect(doubled).toThrow('argument list too long');
  expect(known.size).toBe(8);
  const value = () => 'x'.repeat(1024);
  expect(expandCommand(['$(A)', 'b'], value, 5)).toEqual([value(), 'b']);
  expect(() => expandCommand(Array(10_000).fill('$(A)'), value)).toThrow('argument list too long');
  expect(() => expandCommand([], value, 7 * 1024 * 1024)).toThrow('argument list too long');
});

test('references that are not closed are looked through once', () => {
  const text = '$('.repeat(500_000);
  expect(expandVariables(text, () => 'x')).toBe(text);
});

const service = (name: string, namespace = 'default', port = 80): Service => ({
  metadata: { name, namespace },
  spec: { clusterIP: '10.0.0.5', ports: [{ name: 'web-ui', port, protocol: 'TCP' }] },
});

test('service variables have the names and values of docker links', () => {
  expect(Object.fromEntries(serviceEnvironment([service('my-db')]))).toEqual({
    MY_DB_SERVICE_HOST: '10.0.0.5',
    MY_DB_SERVICE_PORT: '80',
    MY_DB_SERVICE_PORT_WEB_UI: '80',
    MY_DB_PORT: 'tcp://10.0.0.5:80',
    MY_DB_PORT_80_TCP: 'tcp://10.0.0.5:80',
    MY_DB_PORT_80_TCP_PROTO: 'tcp',
    MY_DB_PORT_80_TCP_PORT: '80',
    MY_DB_PORT_80_TCP_ADDR: '10.0.0.5',
  });
});

test('the kubernetes service is always linked, others of the namespace only when asked', () => {
  const all = [service('kubernetes'), service('a', 'x'), service('b', 'y')];
  const names = (links: boolean) => servicesForPod(all, 'x', links).map(({ metadata }) => metadata.name);
  expect([names(true), names(false)]).toEqual([['kubernetes', 'a'], ['kubernetes']]);
});

test('resources become shares, quota, limit and an oom score', () => {
  expect([cpuShares(0), cpuShares(1), cpuShares(500), cpuShares(10_000_000)]).toEqual([2, 2, 512, 262_144]);
  expect([cpuQuotaUs(0), cpuQuotaUs(1), cpuQuotaUs(1500)]).toEqual([0, 1000, 150_000]);
  const container = aContainer({ resources: { requests: { cpu: '100m', memory: '1Gi' }, limits: { memory: '2Gi' } } });
  expect(linuxResources(container, 'Burstable', 4 * 2 ** 30)).toEqual({
    cpuShares: '102',
    cpuPeriod: '100000',
    cpuQuota: '0',
    memoryLimitInBytes: String(2 * 2 ** 30),
    oomScoreAdj: '750',
  });
  const score = (qos: 'Guaranteed' | 'BestEffort' | 'Burstable') =>
    linuxResources(aContainer(), qos, 2 ** 30).oomScoreAdj;
  expect([score('Guaranteed'), score('BestEffort'), score('Burstable')]).toEqual(['-997', '1000', '999']);
});

test('a pod cgroup is bounded only where every container is', () => {
  const limits = { cpu: '1', memory: '1Gi' };
  const bounded = aContainer({ resources: { limits } });
  expect(podLimits(aPod({ containers: [bounded, bounded] }), 'Guaranteed')).toEqual({
    cpuShares: 2048,
    cpuQuotaUs: 200_000,
    cpuPeriodUs: 100_000,
    memoryBytes: 2 * 2 ** 30,
  });
  expect(podLimits(aPod({ containers: [bounded, aContainer()] }), 'Burstable')).toEqual({ cpuShares: 1024 });
  expect(podCgroupPath('/n', 'Burstable', 'u')).toBe('/n/kubepods/burstable/podu');
  expect(podCgroupPath('/n', 'Guaranteed', 'u')).toBe('/n/kubepods/podu');
});

test('field and resource references', () => {
  const pod = aPod({}, { labels: { a: '1', b: 'x"y' } });
  const addresses = { podIps: ['10.0.0.1'], hostIps: ['192.168.0.1'] };
  expect(fieldValue(pod, "metadata.labels['b']", addresses)).toBe('x"y');
  expect(fieldValue(pod, 'metadata.labels', addresses)).toBe('a="1"\nb="x\\"y"');
  expect(fieldValue(pod, 'status.podIP', addresses)).toBe('10.0.0.1');
  expect(() => fieldValue(pod, 'constructor', addresses)).toThrow('unsupported fieldPath: constructor');
  const node = { cpu: '4', memory: '8Gi', 'ephemeral-storage': '1Gi' };
  const container = aContainer({ resources: { requests: { cpu: '250m' } } });
  expect(resourceValue(pod, container, { resource: 'requests.cpu' }, node)).toBe('1');
  expect(resourceValue(pod, container, { resource: 'requests.cpu', divisor: '1m' }, node)).toBe('250');
  expect(resourceValue(pod, container, { resource: 'limits.memory', divisor: '1Mi' }, node)).toBe('8192');
});

test('ClusterFirst resolves in the cluster, and dnsConfig adds to it', () => {
  const cluster = { servers: ['10.96.0.10'], domain: 'cluster.local', host: 'nameserver 1.1.1.1\nsearch lan\n' };
  const dnsConfig = { nameservers: ['9.9.9.9'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] };
  expect(podDns(aPod({ dnsConfig }), cluster)).toEqual({
    servers: ['10.96.0.10', '9.9.9.9'],
    searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'lan'],
    options: ['ndots:2', 'edns0'],
  });
  expect(podDns(aPod({ dnsPolicy: 'Default' }), cluster)).toEqual({
    servers: ['1.1.1.1'],
    searches: ['lan'],
    options: [],
  });
});

test('the hosts file names the pod by its subdomain, and aliases follow', () => {
  const pod = aPod({ subdomain: 'nginx', hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }] });
  const text = hostsFile({
    pod,
    podIps: ['10.0.0.1'],
    hostname: 'web-0',
    clusterDomain: 'cluster.local',
    nodeHosts: '',
  });
  expect(text).toContain('10.0.0.1\tweb-0.nginx.default.svc.cluster.local\tweb-0\n');
  expect(text).toContain('\n# Entries added by HostAliases.\n1.2.3.4\ta\tb\n');
});

test("runAsNonRoot refuses root, by number and by image, in kubelet's words", () => {
  const pod = aPod({ securityContext: { runAsNonRoot: true } });
  const check = (uid: string | undefined, username: string, runAsUser?: number) => () =>
    verifyRunAsNonRoot(pod, aContainer(runAsUser === undefined ? {} : { securityContext: { runAsUser } }), {
      uid,
      username,
    });
  expect(check('0', '')).toThrow(/^container has runAsNonRoot and image will run as root \(pod: "p1_default\(/);
  expect(check(undefined, 'www')).toThrow('image has non-numeric user (www), cannot verify user is non-root');
  expect(check('1000', '', 0)).toThrow("container's runAsUser breaks non-root policy");
  expect(check('1000', '')).not.toThrow();
});

test("a container takes the pod's security context where it has none of its own", () => {
  const pod = aPod({
    securityContext: { runAsUser: 1000, fsGroup: 2000, supplementalGroups: [3000] },
    shareProcessNamespace: true,
  });
  const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  expect(containerSecurity(pod, aContainer({ securityContext }))).toMatchObject({
    runAsUser: { value: '1000' },
    supplementalGroups: ['2000', '3000'],
    noNewPrivs: true,
    capabilities: { dropCapabilities: ['ALL'] },
    namespaceOptions: { pid: 'POD', network: 'POD', ipc: 'POD' },
  });
});
