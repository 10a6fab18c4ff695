import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubeClient, type KubeObject, type PodSpec, resources } from '@berth/kube';
import { expect, onTestFinished, test } from 'vitest';
import type { RequestPipeline } from '../../request-pipeline.ts';
import { aServer } from '../../server.test-harness.ts';
import { loopback } from '../../user.ts';
import { detailsText, violationsOf } from './evaluate.ts';
import { type Level, policyOf } from './policy.ts';

const label = 'pod-security.kubernetes.io/';
const metadata = (name: string) => ({ name, namespace: 'held' });

/** An AdmissionConfiguration with this PodSecurityConfiguration. */
function fileOf(configuration: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-pod-security-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const plugins = [{ name: 'PodSecurity', configuration }];
  const file = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration', plugins };
  writeFileSync(join(folder, 'admission.yaml'), JSON.stringify(file));
  return join(folder, 'admission.yaml');
}

/** A server whose namespace `held` has these labels; `post` answers the warnings. */
async function held(labels: Record<string, string>, configuration?: object) {
  const s = await aServer(
    configuration && { admissionPlugins: { enable: [], disable: [], configFile: fileOf(configuration) } },
  );
  const own = Object.fromEntries(Object.entries(labels).map(([name, value]) => [`${label}${name}`, value]));
  await s.client.create(resources.namespaces, { metadata: { name: 'held', labels: own } });
  await s.client.create(resources.serviceaccounts, { metadata: metadata('default') });
  const { pipeline } = s.server as unknown as { pipeline: RequestPipeline };
  const send = async (method: string, path: string, value: object, how: object = {}): Promise<string[]> => {
    const warnings: string[] = [];
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    await pipeline.handle({
      method,
      path,
      query: new URLSearchParams(),
      user: loopback,
      accept: undefined,
      contentType,
      body: { type: 'value', value },
      signal: new AbortController().signal,
      warn: (text) => warnings.push(text),
      ...how,
    });
    return warnings;
  };
  return Object.assign(s, { send, pipeline });
}

const aPod = (name: string, spec: object = {}) =>
  ({ metadata: metadata(name), spec: { containers: [{ name: 'c', image: 'i' }], ...spec } }) as KubeObject as never;
const privileged = { containers: [{ name: 'c', image: 'i', securityContext: { privileged: true } }] };
const createPod = (client: KubeClient, spec: object, name = 'p') => client.create(resources.pods, aPod(name, spec));

const ofBaseline: [object, string][] = [
  [privileged, 'privileged (container "c" must not set securityContext.privileged=true)'],
  [{ hostNetwork: true, hostPID: true }, 'host namespaces (hostNetwork=true, hostPID=true)'],
  [
    {
      volumes: [
        { name: 'v', hostPath: { path: '/' } },
        { name: 'w', hostPath: { path: '/etc' } },
      ],
    },
    'hostPath volumes (volumes "v", "w")',
  ],
  [
    {
      containers: [{ name: 'c', ports: [{ hostPort: 80 }, { hostPort: 443 }] }],
      initContainers: [{ name: 'a', ports: [{ hostPort: 80 }] }],
    },
    'hostPort (containers "a", "c" use hostPorts 443, 80)',
  ],
  [
    { containers: [{ name: 'c', securityContext: { capabilities: { add: ['SYS_TIME', 'CHOWN', 'NET_ADMIN'] } } }] },
    'non-default capabilities (container "c" must not include "NET_ADMIN", "SYS_TIME" in securityContext.capabilities.add)',
  ],
  [
    { containers: [{ name: 'c', livenessProbe: { httpGet: { host: '10.0.0.1' } } }] },
    'probe or lifecycle host (container "c" uses probe or lifecycle host "10.0.0.1")',
  ],
  [
    { containers: [{ name: 'c', securityContext: { procMount: 'Unmasked' } }] },
    'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
  ],
  [
    {
      securityContext: { seLinuxOptions: { type: 'a_t', user: 'u' } },
      containers: [{ name: 'c', securityContext: { seLinuxOptions: { role: 'r' } } }],
    },
    'seLinuxOptions (pod and container "c" set forbidden securityContext.seLinuxOptions: type "a_t"; user may not be set; role may not be set)',
  ],
  [
    { securityContext: { seccompProfile: { type: 'Unconfined' } } },
    'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")',
  ],
  [
    { securityContext: { appArmorProfile: { type: 'Unconfined' } } },
    'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
  ],
  [
    { securityContext: { sysctls: [{ name: 'kernel.msgmax' }, { name: 'net.ipv4.tcp_rmem' }, { name: 'a.b' }] } },
    'forbidden sysctls (kernel.msgmax, a.b)',
  ],
  [
    { securityContext: { windowsOptions: { hostProcess: true } } },
    'hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)',
  ],
];

const containment = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ['ALL'] },
  runAsNonRoot: true,
  seccompProfile: { type: 'RuntimeDefault' },
};
const contained = (more: object = {}, spec: object = {}) => ({
  ...spec,
  containers: [{ name: 'c', image: 'i', securityContext: { ...containment, ...more } }],
});

const ofRestricted: [object, string][] = [
  [
    contained({ allowPrivilegeEscalation: undefined }),
    'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false)',
  ],
  [
    contained({ capabilities: { drop: ['CHOWN'], add: ['SYS_TIME', 'NET_BIND_SERVICE'] } }),
    'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]; container "c" must not include "SYS_TIME" in securityContext.capabilities.add)',
  ],
  [
    contained(
      {},
      {
        volumes: [
          { name: 'v', nfs: {} },
          { name: 'w', emptyDir: {} },
          { name: 'x', hostPath: {} },
        ],
      },
    ),
    'restricted volume types (volumes "v", "x" use restricted volume types "hostPath", "nfs")',
  ],
  [
    contained({ runAsNonRoot: undefined }),
    'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true)',
  ],
  [
    contained({ runAsNonRoot: false }),
    'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)',
  ],
  [contained({ runAsUser: 0 }), 'runAsUser=0 (container "c" must not set runAsUser=0)'],
  [
    contained({ seccompProfile: undefined }),
    'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  ],
];

const texts = (level: Level, spec: object, minor = Number.POSITIVE_INFINITY, annotations = {}) => {
  const whole = { containers: [{ name: 'c' }], ...spec } as PodSpec;
  return detailsText(violationsOf({ level, minor }, { annotations, spec: whole }));
};

test('every check of the baseline level says what is wrong', () => {
  for (const [spec, text] of ofBaseline) expect(texts('baseline', spec)).toBe(text);
  expect(texts('baseline', {})).toBe('');
  for (const [spec] of ofBaseline) expect(texts('privileged', spec)).toBe('');
});

test('the restricted level asks for more, and repeats nothing the baseline says', () => {
  expect(texts('restricted', contained())).toBe('');
  for (const [spec, text] of ofRestricted) expect(texts('restricted', spec)).toBe(text);
  for (const [spec] of ofRestricted.filter(([, text]) => !/volume types|capabilities/.test(text)))
    expect(texts('baseline', spec)).toBe('');
});

test('an older version of a level has the rules of its time', () => {
  const lenient = { containers: [{ name: 'c', securityContext: { runAsNonRoot: true } }] };
  expect(texts('restricted', lenient, 7)).toBe('');
  const rmem = { securityContext: { sysctls: [{ name: 'net.ipv4.tcp_rmem' }] } };
  expect(texts('baseline', rmem, 31)).toBe('forbidden sysctls (net.ipv4.tcp_rmem)');
  expect(texts('baseline', rmem, 32)).toBe('');
  const unmasked = { hostUsers: false, ...contained({ procMount: 'Unmasked' }) };
  expect(texts('baseline', unmasked, 34)).toMatch(/^procMount/);
  expect(texts('baseline', unmasked, 35)).toBe('');
  expect(texts('restricted', unmasked, 35)).toMatch(/^procMount/);
  const seccomp = { 'seccomp.security.alpha.kubernetes.io/pod': 'unconfined' };
  expect(texts('baseline', {}, 18, seccomp)).toBe(
    'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
  );
  expect(texts('baseline', {}, 19, seccomp)).toBe('');
  expect(texts('restricted', { ...contained({ runAsNonRoot: undefined }), hostUsers: false })).toBe('');
});

test('labels that cannot be read are enforced strictly; who enforces is warned as well', () => {
  const read = (labels: Record<string, string>) => policyOf(labels);
  expect(read({ [`${label}enforce`]: 'baseline' }).policy.warn.level).toBe('baseline');
  expect(read({ [`${label}enforce`]: 'baseline', [`${label}warn`]: 'privileged' }).policy.warn.level).toBe(
    'privileged',
  );
  const { policy, errors } = read({ [`${label}enforce`]: 'BASELINE', [`${label}warn-version`]: 'v1.01' });
  expect([policy.enforce.level, policy.warn.level]).toEqual(['restricted', 'privileged']);
  expect(errors).toHaveLength(2);
});

test('a pod outside of its namespace’s level is forbidden, in upstream’s words', async () => {
  await using s = await held({ enforce: 'baseline' });
  await expect(createPod(s.client, { ...privileged, hostPID: true })).rejects.toMatchObject({
    code: 'Forbidden',
    message:
      'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostPID=true), privileged (container "c" must not set securityContext.privileged=true)',
  });
  await createPod(s.client, {});
  const path = '/api/v1/namespaces/held/pods/p/ephemeralcontainers';
  const debug = { spec: { ephemeralContainers: [{ name: 'd', image: 'i', securityContext: { privileged: true } }] } };
  await expect(s.send('PATCH', path, debug)).rejects.toThrow('privileged (container "d" must not set');
});

test('the version of a level is named; service account tokens are within the restricted level', async () => {
  await using s = await held({ enforce: 'restricted', 'enforce-version': 'v1.28' });
  await createPod(s.client, contained());
  await expect(createPod(s.client, contained({ runAsUser: 0 }), 'q')).rejects.toThrow(
    'pods "q" is forbidden: violates PodSecurity "restricted:v1.28": runAsUser=0 (container "c" must not set runAsUser=0)',
  );
});

test('warnings come for pods and for what makes them, and refuse nothing', async () => {
  await using s = await held({ warn: 'baseline' });
  const text =
    'would violate PodSecurity "baseline:latest": privileged (container "c" must not set securityContext.privileged=true)';
  const pods = '/api/v1/namespaces/held/pods';
  expect(await s.send('POST', pods, aPod('p', privileged))).toEqual([text]);
  const deployment = (name: string, spec: object) => ({
    metadata: metadata(name),
    spec: { selector: { matchLabels: { a: 'b' } }, template: { metadata: { labels: { a: 'b' } }, spec } },
  });
  const deployments = '/apis/apps/v1/namespaces/held/deployments';
  expect(await s.send('POST', deployments, deployment('bad', privileged))).toEqual([text]);
  expect(await s.send('POST', deployments, deployment('good', { containers: [{ name: 'c', image: 'i' }] }))).toEqual(
    [],
  );
  // Labels of a pod change nothing of what it may do.
  expect(await s.send('PATCH', `${pods}/p`, { metadata: { labels: { a: 'b' } } })).toEqual([]);
});

test('what a namespace enforces is not held against workloads, only against their pods', async () => {
  await using s = await held({ enforce: 'baseline', warn: 'privileged' });
  const template = { metadata: { labels: { a: 'b' } }, spec: { ...privileged, restartPolicy: 'Never' } };
  expect(
    await s.send('POST', '/apis/batch/v1/namespaces/held/jobs', { metadata: metadata('j'), spec: { template } }),
  ).toEqual([]);
});

test('wrong labels of a namespace are refused, unless they were wrong before', async () => {
  await using s = await held({});
  const patch = (labels: object) => s.send('PATCH', '/api/v1/namespaces/held', { metadata: { labels } });
  await expect(patch({ [`${label}enforce`]: 'strict', [`${label}audit-version`]: '1.30' })).rejects.toMatchObject({
    code: 'Invalid',
    message: expect.stringContaining(
      'metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
    ),
  });
  const wrong = { [`${label}audit-version`]: '1.30' };
  await expect(patch(wrong)).rejects.toThrow('must be "latest" or "v1.x"');
  const storage = s.pipeline.context.storageOf('', 'namespaces');
  const stored = await storage?.find('', 'held');
  if (!storage || !stored) throw new Error('no namespace');
  const { object } = stored;
  await storage.replace(stored, { ...object, metadata: { ...object.metadata, labels: wrong } });
  await patch({ other: 'label' });
  await expect(patch({ [`${label}warn`]: 'all' })).rejects.toThrow(
    /must be one of .*must be "latest"|must be "latest".*one of/,
  );
});

test('a namespace that asks more warns of the pods that stand already', async () => {
  await using s = await held({});
  for (const name of ['b', 'a', 'd']) await createPod(s.client, privileged, name);
  await createPod(s.client, { hostNetwork: true }, 'c');
  const patch = (level: string) =>
    s.send('PATCH', '/api/v1/namespaces/held', { metadata: { labels: { [`${label}enforce`]: level } } });
  expect(await patch('baseline')).toEqual([
    'existing pods in namespace "held" violate the new PodSecurity enforce level "baseline:latest"',
    'a (and 2 other pods): privileged',
    'c: host namespaces',
  ]);
  expect(await patch('privileged')).toEqual([]);
});

const head = { apiVersion: 'pod-security.admission.config.k8s.io/v1', kind: 'PodSecurityConfiguration' };
const whyPrivileged = 'privileged (container "c" must not set securityContext.privileged=true)';

test('a configuration has levels for what labels leave open, and who is exempt', async () => {
  const exemptions = { usernames: ['jane'], namespaces: ['free'], runtimeClasses: ['sandboxed'] };
  const defaults = { enforce: 'baseline', 'enforce-version': 'v1.30', audit: 'restricted' };
  await using s = await held({ warn: 'privileged' }, { ...head, defaults, exemptions });
  const noted: Record<string, string> = {};
  const nothing = () => undefined;
  const audit = {
    bodies: { sent: false, answered: false, omitManagedFields: false },
    annotate: (key: string, value: string) => {
      noted[key] ??= value;
    },
    requestObject: nothing,
    requestText: nothing,
    responseText: nothing,
  };
  const asked = async (spec: object, how: object = {}) => {
    for (const key of Object.keys(noted)) delete noted[key];
    const pod = aPod('p', spec);
    const path = '/api/v1/namespaces/held/pods';
    const query = new URLSearchParams('dryRun=All');
    const refusal = await s.send('POST', path, pod, { query, audit, ...how }).then(
      () => '',
      (error: Error) => error.message,
    );
    const own = Object.entries(noted).filter(([key]) => key.startsWith(label));
    return [refusal, Object.fromEntries(own.map(([key, value]) => [key.slice(label.length), value.slice(0, 60)]))];
  };
  expect(await asked(privileged)).toEqual([
    `pods "p" is forbidden: violates PodSecurity "baseline:v1.30": ${whyPrivileged}`,
    {
      'enforce-policy': 'baseline:v1.30',
      'audit-violations': 'would violate PodSecurity "restricted:latest": privileged (c',
    },
  ]);
  expect(await asked(contained())).toEqual(['', { 'enforce-policy': 'baseline:v1.30' }]);
  expect(await asked(privileged, { user: { name: 'jane', groups: ['system:masters'] } })).toEqual([
    '',
    { exempt: 'user' },
  ]);
  await s.client.create(
    { group: 'node.k8s.io', version: 'v1', plural: 'runtimeclasses' } as never,
    {
      metadata: { name: 'sandboxed' },
      handler: 'h',
    } as never,
  );
  expect(await asked({ ...privileged, runtimeClassName: 'sandboxed' })).toEqual(['', { exempt: 'runtimeClass' }]);
});

test('an exempt namespace is told that its labels are not heeded', async () => {
  await using s = await held({}, { ...head, exemptions: { namespaces: ['free'] } });
  const labels = {
    [`${label}enforce`]: 'baseline',
    [`${label}audit`]: 'restricted',
    [`${label}audit-version`]: 'v1.9',
  };
  expect(await s.send('POST', '/api/v1/namespaces', { metadata: { name: 'free', labels } })).toEqual([
    'namespace "free" is exempt from Pod Security, and the policy (enforce=baseline:latest, audit=restricted:v1.9) will be ignored',
  ]);
  await s.client.create(resources.serviceaccounts, { metadata: { name: 'default', namespace: 'free' } });
  const pod = { metadata: { name: 'p' }, spec: privileged };
  expect(await s.send('POST', '/api/v1/namespaces/free/pods', pod)).toEqual([]);
  const more = { metadata: { labels: { [`${label}enforce`]: 'restricted', [`${label}audit`]: null } } };
  expect(await s.send('PATCH', '/api/v1/namespaces/free', more)).toEqual([
    'namespace "free" is exempt from Pod Security, and the policy (enforce=restricted:latest) will be ignored',
  ]);
});

test.each<[object, string]>([
  [
    { defaults: { enforce: 'strict', 'warn-version': '1.30' } },
    '[defaults.enforce: Invalid value: "strict": must be one of privileged, baseline, restricted, defaults.warn-version: Invalid value: "1.30": must be "latest" or "v1.x"]',
  ],
  [{ defaults: { enforced: 'baseline' } }, 'strict decoding error: unknown field "defaults.enforced"'],
  [{ exemptions: { usernames: ['a', 'a'] } }, 'exemptions.usernames[1]: Duplicate value: "a"'],
  [{ exemptions: { usernames: [''] } }, 'exemptions.usernames[0]: Invalid value: "": username must not be empty'],
  [
    { exemptions: { namespaces: ['A b'] } },
    'exemptions.namespaces[0]: Invalid value: "A b": a lowercase RFC 1123 label',
  ],
  [{ kind: undefined }, "Object 'Kind' is missing in '{"],
  [{ apiVersion: undefined }, "Object 'apiVersion' is missing in '{"],
  [
    { exemptions: { namespaces: [5] } },
    'json: cannot unmarshal number into Go struct field PodSecurityExemptions.exemptions.namespaces of type string',
  ],
  [{ kind: 'Configuration' }, 'no kind "Configuration" is registered for version'],
])('a configuration with %j keeps the server from starting', async (configuration, words) => {
  await expect(held({}, { ...head, ...configuration })).rejects.toThrow(
    `couldn't init admission plugin "PodSecurity": ${words}`,
  );
});
