import { mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Berth, eventually } from '../harness/berth.ts';

const image = 'berth.local/tools:latest';

/** One Berth of two nodes for all: every test has pods of its own and mostly waits for them. */
const berth = await Berth.start({ nodes: 2 });
afterAll(() => berth[Symbol.asyncDispose]());

interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly state: Readonly<Record<'running' | 'waiting' | 'terminated', Record<string, unknown> | undefined>>;
  readonly lastState: Readonly<Record<'terminated', Record<string, unknown> | undefined>>;
}

interface Pod {
  readonly metadata: { readonly uid: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly hostIP?: string;
    readonly reason?: string;
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
  };
}

interface Event {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
}

const shell = (script: string, more: object = {}) => ({
  name: 'c',
  image,
  imagePullPolicy: 'IfNotPresent',
  command: ['sh', '-c', script],
  ...more,
});

/** Ends at once on TERM, which PID 1 of a container otherwise ignores. */
const forever = "trap 'exit 0' TERM; sleep infinity & wait";

function create(name: string, spec: object, metadata: object = {}): Promise<string> {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name, ...metadata }, spec };
  return berth.kubectl(['create', '-f', '-'], { input: JSON.stringify(pod) });
}

const getPod = (name: string) => berth.get<Pod>('pod', name);
const waitFor = (name: string, what: string) =>
  berth.kubectl(['wait', `--for=${what}`, `pod/${name}`, '--timeout=120s']);
const run = (name: string, ...command: string[]) => berth.kubectl(['exec', name, '--', ...command]);
async function events(name: string): Promise<string[]> {
  const { items } = await berth.get<{ items: Event[] }>('events', '--field-selector', `involvedObject.name=${name}`);
  return items.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
}

/** Events are written beside the work, so they may come a little later than its result. */
const told = (name: string, what: RegExp) =>
  eventually(async () => (await events(name)).some((line) => what.test(line)), { what: `an event like ${what}` });

async function ready(name: string, spec: object, metadata: object = {}): Promise<Pod> {
  await create(name, spec, metadata);
  await waitFor(name, 'condition=Ready');
  return getPod(name);
}

test.concurrent('init containers run in order, sidecars beside the rest, and the pod succeeds without them', async () => {
  const volumeMounts = [{ name: 'v', mountPath: '/v' }];
  const step = (name: string, script: string, more: object = {}) => shell(script, { name, volumeMounts, ...more });
  await create('stages', {
    restartPolicy: 'Never',
    volumes: [{ name: 'v', emptyDir: {} }],
    initContainers: [
      step('one', 'echo one >> /v/log'),
      step('side', `echo side >> /v/log; ${forever}`, { restartPolicy: 'Always' }),
      step('two', 'until grep -q side /v/log; do sleep 0.05; done; echo two >> /v/log'),
    ],
    containers: [step('c', 'echo main >> /v/log; cat /v/log')],
  });
  await waitFor('stages', 'jsonpath={.status.phase}=Succeeded');
  expect(await berth.kubectl(['logs', 'stages'])).toBe('one\nside\ntwo\nmain\n');
  const { status } = await getPod('stages');
  expect(status.initContainerStatuses?.map(({ name, state }) => [name, state.terminated?.['exitCode']])).toEqual([
    ['one', 0],
    ['side', 0],
    ['two', 0],
  ]);
});

test.concurrent('restart policies: Always backs off, OnFailure stops at success, Never fails', async () => {
  await Promise.all([
    create('always', { containers: [shell('echo try; exit 3')] }),
    create('onfailure', {
      restartPolicy: 'OnFailure',
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        shell('[ -e /v/was ] || { touch /v/was; exit 1; }', { volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
      ],
    }),
    create('never', {
      restartPolicy: 'Never',
      containers: [shell('echo last words > /dev/termination-log; exit 4')],
    }),
  ]);
  await Promise.all([
    waitFor('always', 'jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff'),
    waitFor('onfailure', 'jsonpath={.status.phase}=Succeeded'),
    waitFor('never', 'jsonpath={.status.phase}=Failed'),
  ]);
  const [always] = (await getPod('always')).status.containerStatuses ?? [];
  expect(always?.lastState.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
  expect(always?.state.waiting?.['message']).toMatch(
    /^back-off (10|20)s restarting failed container=c pod=always_default/,
  );
  expect(await berth.kubectl(['logs', '-p', 'always'])).toBe('try\n');
  await told('always', /^Warning BackOff: Back-off restarting failed container c in pod always_default\(/);
  expect((await getPod('onfailure')).status.containerStatuses?.[0]?.restartCount).toBe(1);
  expect((await getPod('never')).status.containerStatuses?.[0]?.state.terminated).toMatchObject({
    exitCode: 4,
    message: 'last words\n',
  });
});

test.concurrent('readiness follows exec, http and tcp probes', async () => {
  const server = 'node -e \'require("http").createServer((_, r) => r.end()).listen(8080)\'';
  const readinessProbe = (handler: object) => ({ ...handler, periodSeconds: 1, failureThreshold: 1 });
  await create('probed', {
    terminationGracePeriodSeconds: 0,
    containers: [
      shell(forever, {
        name: 'exec',
        readinessProbe: readinessProbe({ exec: { command: ['test', '-e', '/tmp/ok'] } }),
      }),
      shell(server, { name: 'http', readinessProbe: readinessProbe({ httpGet: { path: '/', port: 8080 } }) }),
      shell(forever, { name: 'tcp', readinessProbe: readinessProbe({ tcpSocket: { port: 8080 } }) }),
    ],
  });
  const readyOnes = async () =>
    (await getPod('probed')).status.containerStatuses?.flatMap((one) => (one.ready ? [one.name] : [])).join();
  await eventually(async () => (await readyOnes()) === 'http,tcp', { what: 'http and tcp ready' });
  await told('probed', /^Warning Unhealthy: Readiness probe failed: /);
  await run('probed', 'touch', '/tmp/ok');
  await waitFor('probed', 'condition=Ready');
  await run('probed', 'rm', '/tmp/ok');
  await waitFor('probed', 'condition=Ready=False');
});

test.concurrent('a failing liveness probe restarts the container, not before the startup probe succeeds', async () => {
  await create('alive', {
    terminationGracePeriodSeconds: 1,
    containers: [
      shell(`sleep 2; touch /tmp/started; ${forever}`, {
        startupProbe: { exec: { command: ['test', '-e', '/tmp/started'] }, periodSeconds: 1, failureThreshold: 30 },
        livenessProbe: { exec: { command: ['test', '!', '-e', '/tmp/sick'] }, periodSeconds: 1, failureThreshold: 1 },
      }),
    ],
  });
  await eventually(async () => (await getPod('alive')).status.containerStatuses?.[0]?.state.running);
  expect((await getPod('alive')).status.containerStatuses?.[0]).toMatchObject({ started: false, ready: false });
  await waitFor('alive', 'condition=Ready');
  await run('alive', 'touch', '/tmp/sick');
  await waitFor('alive', 'jsonpath={.status.containerStatuses[0].restartCount}=1');
  await told('alive', /^Warning Unhealthy: Liveness probe failed: /);
  await told('alive', /^Normal Killing: Container c failed liveness probe, will be restarted$/);
});

test.concurrent('hooks run, and a container that ignores TERM is killed after its grace period', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-hooks-'));
  try {
    const volumeMounts = [{ name: 'v', mountPath: '/v' }];
    const volumes = [{ name: 'v', hostPath: { path: folder } }];
    const hook = (command: string) => ({ exec: { command: ['sh', '-c', command] } });
    const lifecycle = { postStart: hook('echo started > /v/post'), preStop: hook('echo stopping > /v/pre') };
    await ready('hooks', {
      terminationGracePeriodSeconds: 2,
      volumes,
      containers: [shell("trap '' TERM; while :; do sleep 0.1; done", { lifecycle, volumeMounts })],
    });
    expect(readFileSync(join(folder, 'post'), 'utf8')).toBe('started\n');
    const begin = performance.now();
    await berth.kubectl(['delete', 'pod', 'hooks']);
    expect(performance.now() - begin).toBeGreaterThan(1900);
    expect(readFileSync(join(folder, 'pre'), 'utf8')).toBe('stopping\n');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.concurrent('limits are in the cgroup, and memory beyond them is OOMKilled', async () => {
  const hog = 'const keep = []; for (;;) keep.push(Buffer.alloc(4e6, 1));';
  await Promise.all([
    create('limited', {
      containers: [
        shell(forever, {
          resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '250m', memory: '128Mi' } },
        }),
      ],
    }),
    create('hog', {
      restartPolicy: 'Never',
      containers: [shell('', { command: ['node', '-e', hog], resources: { limits: { memory: '96Mi' } } })],
    }),
  ]);
  await waitFor('limited', 'condition=Ready');
  // Version 2 has the files at the top, version 1 in a folder a controller.
  const cgroup = async () => {
    const read =
      'cd /sys/fs/cgroup; if [ -e cpu.max ]; then cat memory.max cpu.max cpu.weight; else cat memory/memory.limit_in_bytes; echo $(cat cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us); cat cpu/cpu.shares; fi';
    return (await run('limited', 'sh', '-c', read)).split('\n');
  };
  const [memory, cpu, weight] = await cgroup();
  expect([memory, cpu]).toEqual([String(128 * 2 ** 20), '25000 100000']);
  expect(['102', '4', '17']).toContain(weight);
  const resize = (cpuLimit: string, memoryLimit: string) => {
    const resources = { limits: { cpu: cpuLimit, memory: memoryLimit } };
    const patch = JSON.stringify({ spec: { containers: [{ name: 'c', resources }] } });
    return berth.kubectl(['patch', 'pod', 'limited', '--subresource=resize', '-p', patch]);
  };
  for (const [cpuLimit, memoryLimit, quota, bytes] of [
    ['150m', '256Mi', '15000 100000', 256 * 2 ** 20],
    ['400m', '96Mi', '40000 100000', 96 * 2 ** 20],
  ] as const) {
    await resize(cpuLimit, memoryLimit);
    await eventually(async () => (await cgroup()).slice(0, 2).join() === [bytes, quota].join(), { what: 'the resize' });
  }
  expect((await getPod('limited')).status.containerStatuses?.[0]?.restartCount).toBe(0);
  await waitFor('hog', 'jsonpath={.status.phase}=Failed');
  expect((await getPod('hog')).status.containerStatuses?.[0]?.state.terminated).toMatchObject({
    reason: 'OOMKilled',
    exitCode: 137,
  });
});

const namespaces = ['mnt', 'pid', 'ipc', 'uts', 'net', 'cgroup'];
const listNamespaces = ['sh', '-c', `for n in ${namespaces.join(' ')}; do readlink /proc/self/ns/$n; done`];

test.concurrent('a container has namespaces of its own, and the host ones it asks for', async () => {
  const here = namespaces.map((name) => readlinkSync(`/proc/self/ns/${name}`));
  await Promise.all([
    ready('apart', { containers: [shell(forever)] }),
    ready('together', { hostNetwork: true, hostPID: true, hostIPC: true, containers: [shell(forever)] }),
    ready('shared', {
      shareProcessNamespace: true,
      containers: [shell(forever), shell('exec sleep 12345', { name: 'other' })],
    }),
  ]);
  const [apart, together] = await Promise.all(
    ['apart', 'together'].map(async (name) => (await run(name, ...listNamespaces)).trim().split('\n')),
  );
  expect(namespaces.filter((_, i) => apart?.[i] === here[i])).toEqual([]);
  expect(namespaces.filter((_, i) => together?.[i] === here[i])).toEqual(['pid', 'ipc', 'uts', 'net']);
  expect(await run('shared', 'sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "')).toContain('sleep 12345');
  const { status } = await getPod('together');
  expect(status.podIP).toBe(status.hostIP);
});

test.concurrent('the security context decides who a process is and what it may', async () => {
  await Promise.all([
    ready('plain-user', {
      securityContext: { runAsUser: 1234, runAsGroup: 2345, fsGroup: 3456, supplementalGroups: [4567] },
      volumes: [{ name: 'v', emptyDir: {} }],
      containers: [
        shell(forever, {
          securityContext: {
            capabilities: { drop: ['ALL'] },
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
          },
          volumeMounts: [{ name: 'v', mountPath: '/v' }],
        }),
      ],
    }),
    ready('net-admin', {
      containers: [shell(forever, { securityContext: { capabilities: { add: ['NET_ADMIN'] } } })],
    }),
    create('not-root', { containers: [shell(forever, { securityContext: { runAsNonRoot: true } })] }),
  ]);
  expect(await run('plain-user', 'id')).toMatch(/uid=1234.* gid=2345.* groups=2345,3456,4567/);
  const status = await run('plain-user', 'cat', '/proc/1/status');
  expect(status).toMatch(/CapEff:\t0+\n/);
  expect(status).toMatch(/NoNewPrivs:\t1\n/);
  expect(await run('plain-user', 'sh', '-c', 'touch /x 2>&1; touch /v/x && stat -c %g /v/x')).toMatch(
    /Read-only file system\n3456\n/,
  );
  const effective = /CapEff:\t([0-9a-f]+)/.exec(await run('net-admin', 'cat', '/proc/1/status'))?.[1];
  expect(BigInt(`0x${effective}`) & (1n << 12n)).not.toBe(0n);
  await waitFor('not-root', 'jsonpath={.status.containerStatuses[0].state.waiting.reason}=CreateContainerConfigError');
  const [{ state } = { state: undefined }] = (await getPod('not-root')).status.containerStatuses ?? [];
  expect(state?.waiting?.['message']).toMatch(/^container has runAsNonRoot and image will run as root/);
});

test.concurrent('the environment comes from fields, resources, config maps and secrets', async () => {
  await berth.kubectl(['create', 'configmap', 'env', '--from-literal=COLOUR=blue', '--from-literal=SIZE=9']);
  await berth.kubectl(['create', 'secret', 'generic', 'env', '--from-literal=WORD=hidden']);
  const field = (name: string, fieldPath: string) => ({ name, valueFrom: { fieldRef: { fieldPath } } });
  await ready(
    'environment',
    {
      hostname: 'own-name',
      subdomain: 'sub',
      hostAliases: [{ ip: '10.9.8.7', hostnames: ['elsewhere.example'] }],
      containers: [
        shell(forever, {
          resources: { limits: { cpu: '1500m', memory: '64Mi' } },
          envFrom: [{ configMapRef: { name: 'env' }, prefix: 'CM_' }],
          env: [
            field('NAME', 'metadata.name'),
            field('NODE', 'spec.nodeName'),
            field('IP', 'status.podIP'),
            field('TEAM', "metadata.labels['team']"),
            { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
            { name: 'SECRET', valueFrom: { secretKeyRef: { name: 'env', key: 'WORD' } } },
            { name: 'GREETING', value: 'hello $(NAME) $$(NAME) $(NOBODY)' },
          ],
        }),
      ],
    },
    { labels: { team: 'red' } },
  );
  const { spec, status } = await getPod('environment');
  const lines = (await run('environment', 'env')).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'CM_COLOUR=blue',
      'CM_SIZE=9',
      'NAME=environment',
      `NODE=${spec.nodeName}`,
      `IP=${status.podIP}`,
      'TEAM=red',
      'CPUS=2',
      'SECRET=hidden',
      'GREETING=hello environment $(NAME) $(NOBODY)',
      'HOSTNAME=own-name',
    ]),
  );
  const hosts = await run('environment', 'cat', '/etc/hosts');
  expect(hosts).toMatch(/^10\.9\.8\.7\telsewhere\.example$/m);
  expect(hosts).toMatch(
    new RegExp(`^${status.podIP}\\town-name\\.sub\\.default\\.svc\\.cluster\\.local\\town-name$`, 'm'),
  );
});

test.concurrent('a pod on one node reaches a pod on the other, and a headless Service knows its address', async () => {
  const server = 'node -e \'require("http").createServer((_, r) => r.end(process.env.HOSTNAME)).listen(8080)\'';
  const on = (node: string) => ({ nodeSelector: { 'kubernetes.io/hostname': node }, terminationGracePeriodSeconds: 0 });
  const readinessProbe = { tcpSocket: { port: 8080 }, periodSeconds: 1 };
  const ports = [{ name: 'web', containerPort: 8080 }];
  await berth.kubectl(['create', '-f', '-'], {
    input: JSON.stringify({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'talk' },
      spec: { clusterIP: 'None', selector: { app: 'talk' }, ports: [{ port: 8080 }] },
    }),
  });
  const [first, second] = await Promise.all([
    ready(
      'talk-1',
      { ...on('node-1'), containers: [shell(server, { readinessProbe, ports })] },
      { labels: { app: 'talk' } },
    ),
    ready(
      'talk-2',
      { ...on('node-2'), containers: [shell(server, { readinessProbe, ports })] },
      { labels: { app: 'talk' } },
    ),
  ]);
  expect([first.spec.nodeName, second.spec.nodeName]).toEqual(['node-1', 'node-2']);
  const ask = `fetch("http://${second.status.podIP}:8080").then((r) => r.text()).then(console.log)`;
  expect(await run('talk-1', 'node', '-e', ask)).toBe('talk-2\n');
  const addresses = [first.status.podIP, second.status.podIP].toSorted().join();
  await eventually(async () => {
    const { subsets = [] } = await berth.get<{
      subsets?: { addresses?: { ip: string }[]; ports: { port: number }[] }[];
    }>('endpoints', 'talk');
    const known = subsets[0]?.addresses?.map(({ ip }) => ip).toSorted();
    return known?.join() === addresses && subsets[0]?.ports[0]?.port === 8080;
  });
  const { items } = await berth.get<{
    items: { endpoints: { conditions: object; nodeName: string }[]; ports: object[] }[];
  }>('endpointslices', '-l', 'kubernetes.io/service-name=talk');
  expect(items.flatMap(({ endpoints }) => endpoints.map(({ nodeName }) => nodeName)).toSorted()).toEqual([
    'node-1',
    'node-2',
  ]);
  expect(items[0]?.ports).toEqual([{ name: '', port: 8080, protocol: 'TCP' }]);
});

test.concurrent("pods spread over nodes, and a claim's pod goes back to the node its volume is on", async () => {
  const labels = { app: 'spread' };
  const set = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'spread' },
    spec: {
      replicas: 2,
      serviceName: 'spread',
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          affinity: {
            podAntiAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: [
                { labelSelector: { matchLabels: labels }, topologyKey: 'kubernetes.io/hostname' },
              ],
            },
          },
          containers: [shell(forever, { volumeMounts: [{ name: 'v', mountPath: '/v' }] })],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'v' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
        },
      ],
    },
  };
  await berth.kubectl(['create', '-f', '-'], { input: JSON.stringify(set) });
  await berth.kubectl(['rollout', 'status', 'sts/spread', '--timeout=120s']);
  const node = async (name: string) => (await getPod(name)).spec.nodeName;
  const before = [await node('spread-0'), await node('spread-1')];
  expect(before.toSorted()).toEqual(['node-1', 'node-2']);
  await berth.replacePods('spread-0', 'spread-1');
  await berth.kubectl(['rollout', 'status', 'sts/spread', '--timeout=120s']);
  expect([await node('spread-0'), await node('spread-1')]).toEqual(before);
});

test.concurrent('a pod nobody can run waits with a reason, and goes at once when deleted', async () => {
  await create('nowhere', { nodeSelector: { planet: 'mars' }, containers: [shell(forever)] });
  await waitFor('nowhere', 'condition=PodScheduled=False');
  await told(
    'nowhere',
    /^Warning FailedScheduling: 0\/2 nodes are available: 2 node\(s\) didn't match Pod's node affinity\/selector\./,
  );
  await berth.kubectl(['delete', 'pod', 'nowhere', '--wait=false']);
  expect(await berth.kubectl(['get', 'pod', 'nowhere', '--ignore-not-found'])).toBe('');
});

test.concurrent('a container that does not run refuses exec before the protocol changes', async () => {
  const neverThere = { image: 'berth.local/never-made:1', imagePullPolicy: 'Never' };
  await create('unmade', { containers: [shell('true', neverThere)] });
  await waitFor('unmade', 'jsonpath={.status.containerStatuses[0].state.waiting.reason}=ErrImageNeverPull');
  // Kubelet's words with client-go's before them, as it could not read them as a Status.
  expect(await berth.tryKubectl(['exec', 'unmade', '--', 'ls'])).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^error: unable to upgrade connection: container not found \("c"\)\n?$/),
  });
});

test.concurrent('activeDeadlineSeconds ends a pod', async () => {
  await create('deadline', {
    activeDeadlineSeconds: 1,
    terminationGracePeriodSeconds: 1,
    containers: [shell(forever)],
  });
  await waitFor('deadline', 'jsonpath={.status.phase}=Failed');
  expect((await getPod('deadline')).status.reason).toBe('DeadlineExceeded');
});

test.concurrent('dependents go with their owner, stay as orphans, or go first', async () => {
  const make = async (owner: string) => {
    await berth.kubectl(['create', 'configmap', owner]);
    const { metadata } = await berth.get<{ metadata: { uid: string } }>('configmap', owner);
    const ownerReferences = [
      { apiVersion: 'v1', kind: 'ConfigMap', name: owner, uid: metadata.uid, blockOwnerDeletion: true },
    ];
    const child = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${owner}-child`, ownerReferences } };
    await berth.kubectl(['create', '-f', '-'], { input: JSON.stringify(child) });
  };
  const kinds = ['background', 'foreground', 'orphan'];
  await Promise.all(kinds.map((kind) => make(`gc-${kind}`)));
  await Promise.all(
    kinds.map((kind) => berth.kubectl(['delete', 'configmap', `gc-${kind}`, `--cascade=${kind}`, '--timeout=120s'])),
  );
  const left = async () =>
    (await berth.get<{ items: { metadata: { name: string } }[] }>('configmap')).items.filter(({ metadata }) =>
      metadata.name.includes('gc-'),
    );
  await eventually(async () => (await left()).length === 1, { what: 'the dependents gone' });
  const orphan = await berth.get<{ metadata: { ownerReferences?: object[] } }>('configmap', 'gc-orphan-child');
  expect(orphan.metadata.ownerReferences).toBeUndefined();
});

test.concurrent('a namespace goes with all it has; its default service account comes back while it lives', async () => {
  await berth.kubectl(['create', 'namespace', 'full']);
  const uid = async () =>
    (await berth.get<{ metadata: { uid: string } }>('serviceaccount', 'default', '-n', 'full')).metadata.uid;
  const first = await eventually(uid);
  await berth.kubectl(['delete', 'serviceaccount', 'default', '-n', 'full']);
  await eventually(async () => (await uid()) !== first, { what: 'a new service account' });
  await berth.kubectl(['run', 'p', '-n', 'full', `--image=${image}`, '--', 'sh', '-c', forever]);
  await berth.kubectl(['create', 'secret', 'generic', 's', '-n', 'full', '--from-literal=a=b']);
  await berth.kubectl(['wait', '-n', 'full', '--for=condition=Ready', 'pod/p', '--timeout=120s']);
  await berth.kubectl(['delete', 'namespace', 'full', '--timeout=120s']);
  const { code, stderr } = await berth.tryKubectl(['get', 'namespace', 'full']);
  expect([code, stderr]).toEqual([1, 'Error from server (NotFound): namespaces "full" not found\n']);
});
