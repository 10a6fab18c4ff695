import { oneOf, type World } from './world.ts';

type Spec = Readonly<Record<string, unknown>>;

const all = '/api/v1/namespaces';
const of = (namespace: string, plural: string) => `${all}/${namespace}/${plural}`;
const pod = (spec: Spec, metadata: object = { name: 'p' }) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata,
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});
const sized = (resources: object) => ({ containers: [{ name: 'c', image: 'i', resources }] });
const claim = (name: string, storage: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } },
});

/** What the plugins that are on by default make of objects: limits, quotas, security, classes and accounts of pods. */
export async function admission(world: World): Promise<void> {
  await quotas(world);
  await limits(world);
  await security(world);
  await classes(world);
  await accounts(world);
}

async function post(world: World, about: string, path: string, body: object): Promise<void> {
  await world.ask(about, { method: 'POST', path, body });
}

async function namespace(world: World, name: string, labels: object = {}): Promise<void> {
  await post(world, 'Namespace', all, { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } };
  await post(world, 'ServiceAccount', of(name, 'serviceaccounts'), account);
}

/** Nobody counts again on either server: what quotas say of use is what admission makes of it. */
async function quotas(world: World): Promise<void> {
  const about = 'ResourceQuota';
  await namespace(world, 'quotas');
  const hard = { pods: '2', 'requests.cpu': '1', 'limits.memory': '1Gi', 'count/configmaps': '1', services: '1' };
  const more = { 'services.nodeports': '0', persistentvolumeclaims: '1', 'requests.storage': '1Gi', secrets: '1' };
  const whole = { ...hard, ...more };
  const used = Object.fromEntries(Object.keys(whole).map((name) => [name, '0']));
  const quota = { apiVersion: 'v1', kind: about, metadata: { name: 'q' }, spec: { hard: whole } };
  const path = of('quotas', 'resourcequotas');
  await post(world, about, path, quota);
  await world.ask(about, { method: 'PATCH', path: `${path}/q/status`, body: { status: { hard: whole, used } } });
  const sizes = [
    {},
    { requests: { cpu: '500m' }, limits: { memory: '512Mi' } },
    { requests: { cpu: '600m' }, limits: { memory: '768Mi' } },
    { requests: { cpu: '500m' }, limits: { memory: '512Mi' } },
    { requests: { cpu: '0' }, limits: { memory: '0' } },
  ];
  for (const [i, size] of sizes.entries())
    for (const query of ['?dryRun=All', ''])
      await post(world, about, of('quotas', 'pods') + query, pod(sized(size), { name: `p${i}` }));
  for (const name of ['a', 'b']) {
    for (const kind of ['ConfigMap', 'Secret'])
      await post(world, about, of('quotas', `${kind.toLowerCase()}s`), { apiVersion: 'v1', kind, metadata: { name } });
    for (const type of ['NodePort', 'ClusterIP'])
      await post(world, about, of('quotas', 'services'), {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name },
        spec: { type, ports: [{ port: 1 }] },
      });
    for (const storage of ['2Gi', '1Gi'])
      await post(world, about, of('quotas', 'persistentvolumeclaims'), claim(name, storage));
  }
}

async function limits(world: World): Promise<void> {
  const about = 'LimitRange';
  await namespace(world, 'limits');
  const container = { type: 'Container', min: { cpu: '100m' }, max: { cpu: '1', memory: '1Gi' } };
  const usual = { default: { cpu: '500m' }, defaultRequest: { cpu: '200m' }, maxLimitRequestRatio: { cpu: '2' } };
  const range = [
    { ...container, ...usual },
    { type: 'Pod', max: { cpu: '1' } },
    { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '2Gi' } },
  ];
  const body = { apiVersion: 'v1', kind: about, metadata: { name: 'l' }, spec: { limits: range } };
  await post(world, about, of('limits', 'limitranges'), body);
  const amounts = ['50m', '200m', '300m', '1', '2'];
  for (let i = 0; i < 40; i++) {
    const some = () => ({ cpu: oneOf(world.rng, amounts), memory: oneOf(world.rng, ['512Mi', '1Gi', '2Gi']) });
    const resources = () => oneOf(world.rng, [{}, { requests: some() }, { limits: some() }]);
    const containers = ['a', 'b'].map((name) => ({ name, image: 'i', resources: resources() }));
    const initContainers = [{ name: 'x', image: 'i', resources: resources() }];
    await post(world, about, `${of('limits', 'pods')}?dryRun=All`, pod({ containers, initContainers }));
  }
  for (const storage of ['1', '1Gi', '3Gi'])
    await post(world, about, `${of('limits', 'persistentvolumeclaims')}?dryRun=All`, claim('c', storage));
}

async function security(world: World): Promise<void> {
  const label = 'pod-security.kubernetes.io/enforce';
  const tight = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
  const specs = [
    {},
    { hostNetwork: true, hostPID: true },
    { containers: [{ name: 'c', image: 'i', securityContext: { privileged: true } }] },
    { volumes: [{ name: 'v', hostPath: { path: '/' } }] },
    {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [{ name: 'c', image: 'i', securityContext: tight }],
    },
  ];
  for (const level of ['privileged', 'baseline', 'restricted', 'x'])
    for (const version of ['latest', 'v1.20', 'v9.9', 'zz']) {
      const name = `${level}-${version.replaceAll('.', '-')}`;
      const labels = { [label]: level, [`${label}-version`]: version, 'pod-security.kubernetes.io/warn': 'restricted' };
      await namespace(world, name, labels);
      for (const spec of specs) await post(world, 'PodSecurity', `${of(name, 'pods')}?dryRun=All`, pod(spec));
    }
}

async function classes(world: World): Promise<void> {
  const about = 'PriorityClass';
  const group = '/apis/scheduling.k8s.io/v1/priorityclasses';
  const each = [
    { metadata: { name: 'never' }, value: 100, preemptionPolicy: 'Never' },
    { metadata: { name: 'usual' }, value: 7, globalDefault: true },
    { metadata: { name: 'other' }, value: 8, globalDefault: true },
    { metadata: { name: 'system-x' }, value: 2_000_000_001 },
  ];
  for (const body of each)
    await post(world, about, group, { apiVersion: 'scheduling.k8s.io/v1', kind: about, ...body });
  await post(world, 'RuntimeClass', '/apis/node.k8s.io/v1/runtimeclasses', {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    metadata: { name: 'r' },
    handler: 'h',
    overhead: { podFixed: { cpu: '10m' } },
    scheduling: { nodeSelector: { a: 'b' }, tolerations: [{ key: 'k', operator: 'Exists' }] },
  });
  await namespace(world, 'classes');
  const specs = [
    {},
    { priorityClassName: 'never' },
    { priorityClassName: 'nope' },
    { priority: 5 },
    { priorityClassName: 'never', priority: 5 },
    { priorityClassName: 'never', preemptionPolicy: 'PreemptLowerPriority' },
    { priorityClassName: 'system-cluster-critical' },
    { runtimeClassName: 'nope' },
    { overhead: { cpu: '1' } },
    { runtimeClassName: 'r' },
    { runtimeClassName: 'r', overhead: { cpu: '1' } },
    { runtimeClassName: 'r', nodeSelector: { a: 'c' } },
  ];
  for (const spec of specs) await post(world, about, `${of('classes', 'pods')}?dryRun=All`, pod(spec));
}

async function accounts(world: World): Promise<void> {
  const about = 'ServiceAccount';
  await namespace(world, 'accounts');
  for (const limited of ['true', 'false', 'x'])
    await post(world, about, of('accounts', 'serviceaccounts'), {
      apiVersion: 'v1',
      kind: about,
      metadata: { name: limited, annotations: { 'kubernetes.io/enforce-mountable-secrets': limited } },
      secrets: [{ name: 's' }],
      imagePullSecrets: [{ name: 'pull' }],
    });
  const variable = (name: string) => ({ name: 'A', valueFrom: { secretKeyRef: { name, key: 'k' } } });
  const specs = ['s', 't'].flatMap((name) => [
    { volumes: [{ name: 'v', secret: { secretName: name } }] },
    { containers: [{ name: 'c', image: 'i', env: [variable(name)] }] },
    { initContainers: [{ name: 'x', image: 'i', envFrom: [{ secretRef: { name } }] }] },
    { imagePullSecrets: [{ name: 'pull' }, { name }] },
    { automountServiceAccountToken: false },
  ]);
  const mirror = { name: 'm', annotations: { 'kubernetes.io/config.mirror': 'x' } };
  for (const serviceAccountName of ['true', 'false', 'x', 'nope', 'A B', undefined])
    for (const spec of specs)
      for (const metadata of [{ name: 'p' }, {}, mirror])
        await post(
          world,
          about,
          `${of('accounts', 'pods')}?dryRun=All`,
          pod({ ...spec, serviceAccountName }, metadata),
        );
}
