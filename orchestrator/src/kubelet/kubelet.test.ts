import type { Pod, PodStatus } from '@berth/kube';
import { expect, test } from 'vitest';
import { isRunning, remove, waitingReason } from './testing/ask-pod.ts';
import { aContainer, aPod, podPath, testNode } from './testing/test-node.ts';

test('a pod goes Pending, sandbox ready, Running in three status writes', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod());
  await node.until(() => isRunning(node), 'Running');
  await node.settled();
  const writes = node.api.history
    .filter(({ path }) => path.includes('/pods/'))
    .map(({ object }) => (object as Pod).status as PodStatus);
  expect(writes.map(({ phase }) => phase)).toEqual(['Pending', 'Pending', 'Running']);
  const condition = (status: PodStatus | undefined, type: string) =>
    status?.conditions?.find((one) => one.type === type)?.status;
  expect(writes.map((status) => condition(status, 'PodReadyToStartContainers'))).toEqual(['False', 'True', 'True']);
  expect(writes.map((status) => condition(status, 'Ready'))).toEqual(['False', 'False', 'True']);
  expect(writes[0]?.containerStatuses).toMatchObject([
    {
      name: 'c',
      state: { waiting: { reason: 'ContainerCreating' } },
      lastState: {},
      ready: false,
      started: false,
      image: 'busybox:1',
    },
  ]);
  expect(writes[2]).toMatchObject({
    hostIP: '192.168.0.10',
    podIP: expect.stringMatching(/^10\.1\.0\./),
    containerStatuses: [
      { ready: true, started: true, image: 'docker.io/busybox:1', containerID: expect.stringMatching(/^fake:/) },
    ],
  });
  expect(node.events).toEqual([
    'p1 Normal Pulled: Container image "busybox:1" already present on machine and can be accessed by the pod',
    'p1 Normal Created: Container created',
    'p1 Normal Started: Container started',
  ]);
});

test('a deleted pod ends with TERM, its status final, its volumes unmounted, before the object goes', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod());
  await node.until(() => isRunning(node), 'Running');
  const release = node.volumes.holdUnmounts();
  remove(node, 'p1', 30);
  await node.until(() => node.runtime.calls.includes('stop-sandbox p1'), 'the end of the sandbox');
  await node.until(() => node.pod('p1')?.status?.phase === 'Failed', 'the final status');
  expect(node.pod('p1')?.status).toMatchObject({
    phase: 'Failed',
    containerStatuses: [{ state: { terminated: { exitCode: 143, reason: 'Error' } }, ready: false }],
  });
  release();
  await node.until(() => node.pod('p1') === undefined, 'deletion');
  await node.until(() => node.runtime.counts.sandboxes === 0 && node.runtime.counts.containers === 0, 'cleanup');
  await node.until(() => node.cgroups.made.size === 0, 'removal of the cgroup');
  expect(node.events).toContain('p1 Normal Killing: Stopping container c');
  expect(node.runtime.graces.get('c')).toBe(30);
});

test('a shorter grace period during the end counts at once', async () => {
  await using node = await testNode();
  node.runtime.stubborn.add('c');
  node.api.put(podPath('p1'), aPod());
  await node.until(() => isRunning(node), 'Running');
  remove(node, 'p1', 30);
  await node.until(() => node.runtime.graces.get('c') === 30, 'the first stop');
  remove(node, 'p1', 2);
  await node.until(() => node.runtime.graces.get('c') === 2, 'the second stop');
  await node.clock.advance(2000);
  await node.until(() => node.pod('p1') === undefined, 'deletion');
});

test('a crashing container waits 10 s, then 20 s, in CrashLoopBackOff', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod());
  await node.until(() => isRunning(node), 'Running');
  node.runtime.exit('c', 1);
  await node.until(() => node.pod('p1')?.status?.containerStatuses?.[0]?.restartCount === 1, 'the first restart');
  await node.until(() => node.runtime.running('c') !== undefined, 'running again');
  await node.settled();
  node.runtime.exit('c', 1);
  await node.until(() => waitingReason(node) === 'CrashLoopBackOff', 'back-off');
  const status = node.pod('p1')?.status?.containerStatuses?.[0];
  expect(status?.state?.waiting?.message).toMatch(/^back-off 10s restarting failed container=c pod=p1_default\(/);
  expect(status?.lastState?.terminated).toMatchObject({ exitCode: 1, reason: 'Error' });
  expect(node.pod('p1')?.status?.phase).toBe('Running');
  await node.clock.advance(9000);
  expect(node.runtime.running('c')).toBeUndefined();
  await node.clock.advance(1500);
  await node.until(() => node.pod('p1')?.status?.containerStatuses?.[0]?.restartCount === 2, 'the second restart');
  node.runtime.exit('c', 1);
  await node.until(() => waitingReason(node) === 'CrashLoopBackOff', 'back-off');
  expect(node.pod('p1')?.status?.containerStatuses?.[0]?.state?.waiting?.message).toContain('back-off 20s');
});

test('init containers run in order, each to its end, before the others', async () => {
  await using node = await testNode();
  const initContainers = [aContainer({ name: 'i1' }), aContainer({ name: 'i2' })];
  node.api.put(podPath('p1'), aPod({ initContainers }));
  await node.until(() => node.runtime.running('i1') !== undefined, 'i1');
  await node.settled();
  expect(waitingReason(node)).toBe('PodInitializing');
  expect(node.runtime.running('i2')).toBeUndefined();
  node.runtime.exit('i1', 0);
  await node.until(() => node.runtime.running('i2') !== undefined, 'i2');
  expect(node.runtime.running('c')).toBeUndefined();
  node.runtime.exit('i2', 0);
  await node.until(() => isRunning(node), 'Running');
  const initialized = node.pod('p1')?.status?.conditions?.find(({ type }) => type === 'Initialized');
  expect(initialized?.status).toBe('True');
  expect([...node.fieldPaths].filter((path) => path.startsWith('Started'))).toEqual([
    'Started spec.initContainers{i1}',
    'Started spec.initContainers{i2}',
    'Started spec.containers{c}',
  ]);
});

test('containers whose turn never came, as an init container failed, stay as they were', async () => {
  await using node = await testNode();
  const initContainers = [aContainer({ name: 'i1' }), aContainer({ name: 'i2' })];
  node.api.put(podPath('p1'), aPod({ restartPolicy: 'Never', initContainers }));
  await node.until(() => node.runtime.running('i1') !== undefined, 'the first init container');
  node.runtime.exit('i1', 4);
  await node.until(() => node.pod('p1')?.status?.phase === 'Failed', 'failure');
  await node.settled();
  expect(node.pod('p1')?.status).toMatchObject({
    initContainerStatuses: [
      { name: 'i1', state: { terminated: { exitCode: 4, reason: 'Error' } } },
      { name: 'i2', state: { waiting: { reason: 'PodInitializing' } } },
    ],
    containerStatuses: [{ name: 'c', state: { waiting: { reason: 'PodInitializing' } }, lastState: {} }],
  });
});

test('sidecars start before and end after the containers they serve', async () => {
  await using node = await testNode();
  const initContainers = [
    aContainer({ name: 's1', restartPolicy: 'Always' }),
    aContainer({ name: 's2', restartPolicy: 'Always' }),
  ];
  node.api.put(podPath('p1'), aPod({ initContainers }));
  await node.until(() => isRunning(node), 'Running');
  expect(node.runtime.calls.filter((call) => call.startsWith('start '))).toEqual(['start s1', 'start s2', 'start c']);
  remove(node, 'p1', 30);
  await node.until(() => node.pod('p1') === undefined, 'deletion');
  expect(node.runtime.calls.filter((call) => call.startsWith('stop '))).toEqual(['stop c', 'stop s2', 'stop s1']);
});

test('restartPolicy Never: the pod succeeds or fails with its containers and is kept', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod({ restartPolicy: 'Never' }));
  node.api.put(
    podPath('p2'),
    aPod({ restartPolicy: 'Never', containers: [aContainer({ name: 'd' })] }, { name: 'p2' }),
  );
  await node.until(() => isRunning(node) && isRunning(node, 'p2'), 'Running');
  node.runtime.exit('c', 0);
  node.runtime.exit('d', 3);
  await node.until(() => node.pod('p1')?.status?.phase === 'Succeeded', 'success');
  await node.until(() => node.pod('p2')?.status?.phase === 'Failed', 'failure');
  await node.settled();
  expect(node.pod('p1')?.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
    status: 'False',
    reason: 'PodCompleted',
  });
  expect(node.runtime.calls.filter((call) => call.startsWith('start'))).toHaveLength(2);
  expect(node.runtime.counts.containers).toBe(2);
});

test('images: ErrImagePull, then ImagePullBackOff, then running when the image can be had', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod({ containers: [aContainer({ image: 'reg/x:1' })] }));
  await node.until(() => waitingReason(node) === 'ErrImagePull', 'ErrImagePull');
  expect(node.events).toContain('p1 Warning Failed: Error: ErrImagePull');
  await node.clock.advance(4000);
  expect(waitingReason(node)).toBe('ErrImagePull');
  await node.clock.advance(1500);
  await node.until(() => waitingReason(node) === 'ImagePullBackOff', 'ImagePullBackOff');
  node.runtime.registry.add('reg/x:1');
  await node.clock.advance(5000);
  await node.until(() => isRunning(node), 'Running');
  expect(node.events).toContain('p1 Normal Pulling: Pulling image "reg/x:1"');
});

test("a pull policy of Never and a name that is none are told in kubelet's words", async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod({ containers: [aContainer({ image: 'none:1', imagePullPolicy: 'Never' })] }));
  node.api.put(podPath('p2'), aPod({ containers: [aContainer({ image: 'UPPER//x' })] }, { name: 'p2' }));
  await node.until(() => waitingReason(node) === 'ErrImageNeverPull', 'ErrImageNeverPull');
  await node.until(() => waitingReason(node, 'p2') === 'InvalidImageName', 'InvalidImageName');
  expect(node.events).toContain(
    'p1 Warning ErrImageNeverPull: Container image "none:1" is not present with pull policy of Never',
  );
});

test('a missing config map is a CreateContainerConfigError until it is there', async () => {
  await using node = await testNode();
  const env = [
    { name: 'A', valueFrom: { configMapKeyRef: { name: 'cm', key: 'k' } } },
    { name: 'B', value: 'x-$(A)' },
  ];
  node.api.put(podPath('p1'), aPod({ containers: [aContainer({ env })] }));
  await node.until(() => waitingReason(node) === 'CreateContainerConfigError', 'CreateContainerConfigError');
  expect(node.events).toContain('p1 Warning Failed: Error: configmap "cm" not found');
  const path = '/api/v1/namespaces/default/configmaps/cm';
  node.api.put(path, { metadata: { name: 'cm', namespace: 'default' }, data: { other: '1' } } as never);
  await node.clock.advance(10_500);
  await node.until(
    () => node.events.includes("p1 Warning Failed: Error: couldn't find key k in ConfigMap default/cm"),
    'the missing key',
  );
  node.api.put(path, { metadata: { name: 'cm', namespace: 'default' }, data: { k: '1' } } as never);
  await node.clock.advance(10_500);
  await node.until(() => isRunning(node), 'Running');
  const envs = node.runtime.running('c')?.config.envs.map(({ key, value }) => `${key}=${Buffer.from(value)}`);
  expect(envs).toEqual(['A=1', 'B=x-1']);
});

test('volumes that cannot be mounted hold the pod back, with an event', async () => {
  await using node = await testNode();
  node.volumes.failMounts = 'unmounted volumes=[www], unattached volumes=[], failed to process volumes=[]: timed out';
  node.api.put(podPath('p1'), aPod());
  await node.until(() => node.events.length > 0, 'an event');
  expect(node.events[0]).toBe(`p1 Warning FailedMount: Unable to attach or mount volumes: ${node.volumes.failMounts}`);
  expect(node.runtime.calls).toEqual([]);
  node.volumes.failMounts = undefined;
  await node.clock.advance(10_500);
  await node.until(() => isRunning(node), 'Running');
});

test('a failed liveness probe restarts the container, readiness follows its probe', async () => {
  await using node = await testNode();
  let healthy = true;
  node.runtime.exec = (_container, [what]) => ({ exitCode: what === 'live' && !healthy ? 1 : 0, stdout: 'sick' });
  const livenessProbe = { exec: { command: ['live'] }, periodSeconds: 1, failureThreshold: 2, timeoutSeconds: 1 };
  const readinessProbe = { exec: { command: ['ready'] }, periodSeconds: 1, initialDelaySeconds: 5, timeoutSeconds: 1 };
  node.api.put(podPath('p1'), aPod({ containers: [aContainer({ livenessProbe, readinessProbe })] }));
  await node.until(() => isRunning(node), 'Running');
  const ready = () => node.pod('p1')?.status?.containerStatuses?.[0]?.ready;
  expect(ready()).toBe(false);
  await node.clock.advance(5100);
  await node.until(() => ready() === true, 'ready');
  healthy = false;
  await node.clock.advance(2100);
  healthy = true;
  await node.until(() => node.pod('p1')?.status?.containerStatuses?.[0]?.restartCount === 1, 'a restart');
  expect(node.events).toContain('p1 Warning Unhealthy: Liveness probe failed: sick');
  expect(node.events).toContain('p1 Normal Killing: Container c failed liveness probe, will be restarted');
  const { chunks } = await node.kubelet.api.page('GET', '/metrics/probes', AbortSignal.timeout(30_000));
  const metrics = Buffer.concat(await Array.fromAsync(chunks)).toString();
  const pod = `container="c",namespace="default",pod="p1"`;
  const liveness = `${pod},pod_uid="${node.pod('p1')?.metadata.uid}",probe_type="Liveness"`;
  expect(metrics).toContain(`\nprober_probe_total{${liveness},result="failed"} 2\n`);
  expect(metrics).toMatch(new RegExp(`^prober_probe_total\\{${liveness},result="successful"\\} [1-9]`, 'm'));
  expect(metrics).toMatch(
    new RegExp(`^prober_probe_duration_seconds_bucket\\{${pod},probe_type="Readiness",le="0.005"\\} [1-9]`, 'm'),
  );
});

test('readiness is probed, and told, while a container ends; liveness is not', async () => {
  await using node = await testNode();
  let healthy = true;
  node.runtime.exec = () => ({ exitCode: healthy ? 0 : 1, stdout: 'sick' });
  const probe = { exec: { command: ['probe'] }, periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 1 };
  node.runtime.stubborn.add('c');
  node.api.put(podPath('p1'), aPod({ containers: [aContainer({ livenessProbe: probe, readinessProbe: probe })] }));
  const ready = () => node.pod('p1')?.status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  await node.until(() => ready() === 'True', 'ready');
  remove(node, 'p1', 30);
  await node.until(() => node.events.includes('p1 Normal Killing: Stopping container c'), 'the end to begin');
  healthy = false;
  await node.clock.advance(2100);
  await node.until(() => ready() === 'False', 'not ready');
  expect(node.pod('p1')?.status?.containerStatuses?.[0]?.state?.running).toBeDefined();
  expect(node.events.filter((event) => event.includes('Unhealthy'))).toContain(
    'p1 Warning Unhealthy: Readiness probe failed: sick',
  );
  expect(node.events.filter((event) => event.includes('Liveness'))).toEqual([]);
});

test('a broken sandbox is made again and the containers restarted in it', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod());
  await node.until(() => isRunning(node), 'Running');
  await node.settled();
  node.runtime.breakSandboxes();
  await node.until(() => node.runtime.running('c') !== undefined, 'running again');
  expect(node.events).toContain('p1 Normal SandboxChanged: Pod sandbox changed, it will be killed and re-created.');
  expect(node.runtime.calls.filter((call) => call.startsWith('sandbox'))).toHaveLength(2);
});

test('a pod that does not fit is rejected as OutOfcpu and never started', async () => {
  await using node = await testNode();
  const resources = { requests: { cpu: '5' } };
  node.api.put(podPath('p1'), aPod({ containers: [aContainer({ resources })] }));
  await node.until(() => node.pod('p1')?.status?.phase === 'Failed', 'rejection');
  expect(node.pod('p1')?.status).toMatchObject({
    reason: 'OutOfcpu',
    message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 5000, used: 0, capacity: 4000",
  });
  expect(node.runtime.calls).toEqual([]);
});

test('a pod that was bound to a node whose port another pod has is rejected', async () => {
  await using node = await testNode();
  const ports = [{ containerPort: 80, hostPort: 8080 }];
  node.api.put(podPath('first'), aPod({ containers: [aContainer({ ports })] }, { name: 'first', uid: 'uid-first' }));
  await node.until(() => node.pod('first')?.status?.phase === 'Running', 'Running');
  node.api.put(podPath('second'), aPod({ containers: [aContainer({ ports })] }, { name: 'second', uid: 'uid-second' }));
  await node.until(() => node.pod('second')?.status?.phase === 'Failed', 'rejection');
  expect(node.pod('second')?.status).toMatchObject({
    reason: 'NodePorts',
    message: "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  });
});

test('activeDeadlineSeconds ends a pod as DeadlineExceeded', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod({ activeDeadlineSeconds: 5 }));
  await node.until(() => isRunning(node), 'Running');
  await node.settled();
  await node.clock.advance(5100);
  await node.until(() => node.pod('p1')?.status?.phase === 'Failed', 'the deadline');
  expect(node.pod('p1')?.status?.reason).toBe('DeadlineExceeded');
});

test('the node is registered, ready, leased, and written again only when due', async () => {
  await using node = await testNode();
  await node.settled();
  const registered = node.api.find('/api/v1/nodes/node-0') as { metadata: object; status?: object } | undefined;
  expect(registered).toMatchObject({
    metadata: {
      labels: { 'kubernetes.io/hostname': 'node-0', 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
    },
    status: { capacity: { cpu: '4', memory: '8388608Ki', pods: '110' } },
  });
  const changed = ['NodeHasSufficientMemory', 'NodeHasNoDiskPressure', 'NodeHasSufficientPID', 'NodeReady'];
  expect(node.nodeEvents).toEqual([
    'node-0 Normal Starting: Starting kubelet.',
    ...changed.map((reason) => `node-0 Normal ${reason}: Node node-0 status is now: ${reason}`),
  ]);
  const lease = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/node-0';
  await node.until(() => node.api.find(lease) !== undefined, 'the lease');
  const writes = () => node.api.history.filter(({ path }) => path.includes('/nodes/')).length;
  const before = writes();
  await node.clock.advance(60_000);
  expect(writes()).toBe(before);
  expect(node.api.history.filter(({ path }) => path === lease).length).toBeGreaterThanOrEqual(6);
  await node.clock.advance(250_000);
  expect(writes()).toBe(before + 1);
});

test('a volume that comes into use is in the node status at once, and the volume manager is told', async () => {
  await using node = await testNode();
  await node.settled();
  node.volumes.inUse = ['kubernetes.io/csi/d^v'];
  node.api.put('/api/v1/persistentvolumes/v', { metadata: { name: 'v' } });
  await node.settled();
  await node.clock.advance(20);
  await node.until(() => node.volumes.reported?.[0] === 'kubernetes.io/csi/d^v', 'the report');
  expect(node.api.find('/api/v1/nodes/node-0')).toMatchObject({ status: { volumesInUse: ['kubernetes.io/csi/d^v'] } });
});

test('an ephemeral container joins a running pod and has a status of its own', async () => {
  await using node = await testNode();
  node.api.put(podPath('p1'), aPod());
  await node.until(() => isRunning(node), 'Running');
  await node.settled();
  const pod = node.pod('p1') as Pod;
  const ephemeralContainers = [{ ...aContainer({ name: 'debugger' }), targetContainerName: 'c' }];
  const spec = { ...pod.spec, containers: pod.spec?.containers ?? [], ephemeralContainers };
  const next: Pod = { ...pod, spec };
  node.api.put(podPath('p1'), next);
  const status = () => node.pod('p1')?.status?.ephemeralContainerStatuses?.[0];
  await node.until(() => status()?.state?.running !== undefined, 'the ephemeral container');
  expect(status()).toMatchObject({ name: 'debugger', ready: false, restartCount: 0 });
  node.runtime.exit('debugger', 3);
  await node.until(() => status()?.state?.terminated?.exitCode === 3, 'its end');
  await node.settled();
  expect(node.pod('p1')?.status?.phase).toBe('Running');
  expect(node.runtime.calls.filter((call) => call.startsWith('start ') && call.includes('debugger'))).toHaveLength(1);
});
