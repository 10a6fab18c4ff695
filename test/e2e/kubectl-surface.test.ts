import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Berth, eventually, execute } from '../harness/berth.ts';
import { Kubectl } from '../harness/kubectl.ts';
import { describedKinds, generators, wideHeaders } from './kubectl-surface-cases.ts';

const image = 'berth.local/tools:latest';
const versions = ['1.27', '1.30', '1.32', '1.33'];
const newest = '1.33';
/** What lies between them shares their ways: SPDY or WebSocket, OpenAPI v2 or v3, JSON or protobuf. */
const oldestAndNewest = ['1.27', newest];

/** One Berth for all versions; each works in a namespace of its own. */
const berth = await Berth.start();
const folder = mkdtempSync(join(tmpdir(), 'berth-kubectl-'));
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await berth[Symbol.asyncDispose]();
});

const inNamespace = (version: string, topic: string) => Kubectl.in(berth, version, topic);

const web = (replicas: number, answer: string) => `
apiVersion: v1
kind: Service
metadata: { name: web, labels: { app: web } }
spec: { clusterIP: None, selector: { app: web }, ports: [ { port: 80, name: web } ] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  serviceName: web
  replicas: ${replicas}
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: c
        image: ${image}
        imagePullPolicy: IfNotPresent
        command: [sh, -c, 'echo serving; exec node -e "require(\\"http\\").createServer((_, r) => r.end(process.env.ANSWER)).listen(80)"']
        env: [ { name: ANSWER, value: "${answer}" } ]
        ports: [ { containerPort: 80, name: web } ]
        volumeMounts: [ { name: www, mountPath: /data } ]
  volumeClaimTemplates:
  - metadata: { name: www }
    spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Mi } } }
`;

for (const version of versions) {
  test.concurrent(`kubectl ${version} creates what its generators make, shows and describes it`, async () => {
    const kubectl = await inNamespace(version, 'create');
    const said = await Promise.all(generators(image, kubectl.namespace).map(([args]) => kubectl.run(...args)));
    expect(said.map((line) => line.trim())).toEqual(generators(image, kubectl.namespace).map(([, answer]) => answer));
    expect((await kubectl.run('create', 'token', 'bot')).split('.')).toHaveLength(3);
    const tables = (await kubectl.run('get', Object.keys(wideHeaders).join(), '-o', 'wide')).split('\n\n');
    const headers = tables.map((table) =>
      table
        .split('\n')[0]
        ?.split(/\s{2,}/)
        .filter(Boolean),
    );
    expect(headers).toEqual(Object.values(wideHeaders));
    const described = describedKinds(kubectl.namespace);
    const text = await kubectl.run('describe', ...described.map(([what]) => what));
    for (const [, lines] of described) for (const line of lines) expect(text).toMatch(line);
    await kubectl.run('delete', 'deployment,job,cronjob,configmap,service', '--all');
    expect(await kubectl.run('get', 'deploy,job,cj,svc', '-o', 'name')).toBe('');
  });
}

for (const version of oldestAndNewest) {
  test.concurrent(`kubectl ${version} gets objects in every format`, async () => {
    const kubectl = await inNamespace(version, 'get');
    const labelled = (name: string, tier: string) =>
      `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name}, labels: { tier: ${tier} } }\ndata: { key: ${tier} }\n`;
    await kubectl.feed(`${labelled('b', 'one')}---\n${labelled('a', 'two')}`, 'create', '-f', '-');
    const get = (...args: string[]) => kubectl.run('get', 'configmap', ...args);
    expect(await get('-l', 'tier=one', '-o', 'name')).toBe('configmap/b\n');
    expect(await get('-l', 'tier notin (one),tier', '-o', 'name')).toBe('configmap/a\n');
    expect(await get('--field-selector', 'metadata.name=a', '-o', 'jsonpath={.items[*].data.key}')).toBe('two');
    expect(await get('-l', 'tier', '--sort-by=.data.key', '-o', 'name')).toBe('configmap/b\nconfigmap/a\n');
    expect(await get('a', '-o', 'custom-columns=N:.metadata.name,K:.data.key')).toMatch(/^N +K\na +two\n$/);
    expect(await get('a', '-o', 'go-template={{.data.key}}')).toBe('two');
    expect(await get('a', '-o', 'yaml')).toMatch(/^apiVersion: v1\ndata:\n {2}key: two\nkind: ConfigMap\n/);
    expect(JSON.parse(await get('a', '-o', 'json'))).toMatchObject({ kind: 'ConfigMap', data: { key: 'two' } });
    expect(await get('-A', '-l', 'tier', '--show-labels')).toContain('tier=one');
    expect(await kubectl.fails('get', 'nonsense')).toBe(`error: the server doesn't have a resource type "nonsense"\n`);
    expect(await kubectl.fails('get', 'cm', 'no')).toBe('Error from server (NotFound): configmaps "no" not found\n');
    expect(await kubectl.fails('get', 'pods', '--field-selector', 'spec.foo=1')).toContain(
      'field label not supported: spec.foo',
    );
    const watch = spawn(kubectl.program, [
      ...kubectl.args,
      'get',
      'configmap',
      'a',
      '-w',
      '-o',
      'jsonpath={.data.key}|',
    ]);
    let seen = '';
    watch.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    try {
      await eventually(async () => seen === 'two|', { what: 'the first state' });
      await kubectl.run('patch', 'configmap', 'a', '-p', '{"data":{"key":"three"}}');
      await eventually(async () => seen === 'two|three|', { what: 'the change' });
    } finally {
      watch.kill();
    }
  });

  test.concurrent(`kubectl ${version} changes objects with apply, patch, edit, label, annotate and set`, async () => {
    const kubectl = await inNamespace(version, 'change');
    const cm = (data: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: m }\ndata: { ${data} }\n`;
    const apply = (text: string, ...args: string[]) => kubectl.feed(text, 'apply', '-f', '-', ...args);
    expect(await apply(cm('a: "1", b: "2"'))).toBe('configmap/m created\n');
    expect(await apply(cm('a: "1", b: "2"'))).toBe('configmap/m unchanged\n');
    expect(await apply(cm('a: "2"'), '--dry-run=client')).toBe('configmap/m configured (dry run)\n');
    expect(await apply(cm('a: "2"'), '--dry-run=server')).toBe('configmap/m configured (server dry run)\n');
    const diff = await kubectl.try(['diff', '-f', '-'], cm('a: "2"'));
    expect([diff.code, diff.stdout]).toEqual([1, expect.stringMatching(/^- {2}a: "1"\n- {2}b: "2"\n\+ {2}a: "2"$/m)]);
    expect(await apply(cm('a: "2"'))).toBe('configmap/m configured\n');
    const data = async () => JSON.parse(await kubectl.run('get', 'cm', 'm', '-o', 'jsonpath={.data}')) as object;
    expect(await data()).toEqual({ a: '2' });
    const strict = await kubectl.try(['apply', '-f', '-'], cm('a: "2" }\ndat: { x: "1"'));
    expect(strict.stderr).toMatch(/strict decoding error: unknown field "dat"/);

    await kubectl.run('patch', 'cm', 'm', '-p', '{"data":{"c":"3"}}');
    await kubectl.run('patch', 'cm', 'm', '--type=merge', '-p', '{"data":{"a":null}}');
    await kubectl.run('patch', 'cm', 'm', '--type=json', '-p', '[{"op":"add","path":"/data/d","value":"4"}]');
    expect(await data()).toEqual({ c: '3', d: '4' });
    const editor = await execute(
      'env',
      [`KUBE_EDITOR=sed -i s/\\"4\\"/\\"5\\"/`, kubectl.program, ...kubectl.args, 'edit', 'cm', 'm'],
      { timeoutMs: 60_000 },
    );
    expect(editor).toMatchObject({ code: 0, stdout: 'configmap/m edited\n' });
    expect(await data()).toEqual({ c: '3', d: '5' });

    expect(await kubectl.run('label', 'cm', 'm', 'x=1')).toBe('configmap/m labeled\n');
    expect(await kubectl.fails('label', 'cm', 'm', 'x=2')).toContain(
      'already has a value (1), and --overwrite is false',
    );
    await kubectl.run('label', 'cm', 'm', 'x=2', '--overwrite');
    await kubectl.run('annotate', 'cm', 'm', 'note=n');
    expect(
      await kubectl.run('get', 'cm', 'm', '-o', 'jsonpath={.metadata.labels.x} {.metadata.annotations.note}'),
    ).toBe('2 n');
    expect(await kubectl.run('label', 'cm', 'm', 'x-')).toBe('configmap/m unlabeled\n');
    expect(await kubectl.feed(cm('z: "9"'), 'replace', '-f', '-')).toBe('configmap/m replaced\n');
    expect(await data()).toEqual({ z: '9' });

    await kubectl.run('create', 'deployment', 'd', `--image=${image}`);
    expect(await kubectl.run('scale', 'deployment', 'd', '--replicas=4')).toBe('deployment.apps/d scaled\n');
    expect(await kubectl.fails('scale', 'deployment', 'd', '--current-replicas=9', '--replicas=1')).toContain(
      'Expected replicas to be 9, was 4',
    );
    await kubectl.run('set', 'image', 'deployment/d', 'tools=other:1');
    await kubectl.run('set', 'env', 'deployment/d', 'K=v');
    await kubectl.run('set', 'resources', 'deployment/d', '--limits=cpu=200m');
    expect(
      await kubectl.run(
        'get',
        'deployment',
        'd',
        '-o',
        'jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image} {.spec.template.spec.containers[0].env[0].value} {.spec.template.spec.containers[0].resources.limits.cpu}',
      ),
    ).toBe('4 other:1 v 200m');
    expect(await kubectl.run('expose', 'deployment', 'd', '--port=80')).toBe('service/d exposed\n');
    expect(await kubectl.run('autoscale', 'deployment', 'd', '--max=3')).toBe(
      'horizontalpodautoscaler.autoscaling/d autoscaled\n',
    );
  });

  test.concurrent(`kubectl ${version} rolls a StatefulSet out and back, and works in its pods`, async () => {
    const kubectl = await inNamespace(version, 'roll');
    const status = () => kubectl.run('rollout', 'status', 'sts/web', '--timeout=120s');
    expect(await kubectl.feed(web(2, 'first'), 'apply', '-f', '-')).toBe(
      'service/web created\nstatefulset.apps/web created\n',
    );
    expect(await status()).toMatch(/partitioned roll out complete: 2 new pods have been updated\.\.\.\n$/);
    expect(await kubectl.run('logs', 'web-0')).toBe('serving\n');
    expect(await kubectl.run('logs', '-l', 'app=web', '--prefix', '--tail=1')).toMatch(/^\[pod\/web-0\/c\] serving$/m);
    expect(await kubectl.run('logs', 'web-0', '--timestamps', '--since=1h')).toMatch(
      /^\d{4}-\d\d-\d\dT[\d:.]+Z serving\n$/,
    );
    const { code } = await kubectl.try(['exec', 'web-0', '--', 'sh', '-c', 'exit 3']);
    expect(code).toBe(3);
    const terminal = await kubectl.onTerminal('tty; exit 4\n', 'exec', '-it', 'web-0', '--', 'sh');
    expect([terminal.code, terminal.output]).toEqual([4, expect.stringContaining('/dev/pts/0')]);

    const local = join(folder, `cp-${version}`);
    mkdirSync(join(local, 'sub'), { recursive: true });
    writeFileSync(join(local, 'sub/file'), version);
    await kubectl.run('cp', local, 'web-0:/data/copied');
    await kubectl.run('cp', 'web-0:/data/copied/sub/file', join(local, 'back'));
    expect(readFileSync(join(local, 'back'), 'utf8')).toBe(version);

    const forward = spawn(kubectl.program, [...kubectl.args, 'port-forward', 'svc/web', ':80']);
    try {
      const [line] = (await once(forward.stdout, 'data')) as [Buffer];
      const port = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1];
      const page = await eventually(async () => (await fetch(`http://127.0.0.1:${port}/`)).text());
      expect(page).toBe('first');
    } finally {
      forward.kill();
    }

    await kubectl.run('rollout', 'restart', 'sts/web');
    await status();
    await kubectl.feed(web(2, 'second'), 'apply', '-f', '-');
    await status();
    expect(
      (await kubectl.run('rollout', 'history', 'sts/web'))
        .trim()
        .split('\n')
        .slice(1)
        .map((row) => row.split(/\s+/)[0]),
    ).toEqual(['REVISION', '1', '2', '3']);
    expect(await kubectl.run('rollout', 'history', 'sts/web', '--revision=3')).toMatch(/ANSWER:\s+second/);
    expect(await kubectl.run('rollout', 'undo', 'sts/web', '--to-revision=1')).toBe(
      'statefulset.apps/web rolled back\n',
    );
    await status();
    expect(await kubectl.run('exec', 'web-1', '--', 'sh', '-c', 'echo $ANSWER')).toBe('first\n');
    await kubectl.run('scale', 'sts/web', '--replicas=1');
    await kubectl.run('wait', '--for=delete', 'pod/web-1', '--timeout=120s');
    await kubectl.run('wait', '--for=jsonpath={.status.availableReplicas}=1', 'sts/web', '--timeout=120s');
    expect(await kubectl.run('delete', 'sts', 'web', '--cascade=orphan')).toBe('statefulset.apps "web" deleted\n');
    expect(await kubectl.run('get', 'pod', 'web-0', '-o', 'jsonpath={.metadata.ownerReferences}')).toBe('');
    await kubectl.run('delete', 'pod', '-l', 'app=web', '--now');
    await kubectl.run('delete', 'pvc', '--all', '--timeout=120s');
  });
}

for (const version of versions) {
  test.concurrent(`kubectl ${version} runs, attaches to, debugs and removes pods`, async () => {
    const kubectl = await inNamespace(version, 'run');
    const [answer, attached] = await Promise.all([
      kubectl.feed(
        'hello\n',
        'run',
        'once',
        '--rm',
        '-i',
        '--quiet',
        '--restart=Never',
        `--image=${image}`,
        '--',
        'sh',
        '-c',
        'read word; echo "got $word"; sleep 0.5',
      ),
      kubectl.run('run', 'p', `--image=${image}`, '--labels=app=p', '--', 'sleep', 'infinity'),
    ]);
    expect(answer).toContain('got hello');
    expect(attached).toBe('pod/p created\n');
    await kubectl.run('wait', '--for=condition=Ready', 'pod/p', '--timeout=120s');
    await kubectl.run(
      'debug',
      'p',
      '-c',
      'look',
      `--image=${image}`,
      '--target=p',
      '--',
      'sh',
      '-c',
      'tr "\\0" " " < /proc/1/cmdline',
    );
    await kubectl.run(
      'wait',
      '--for=jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}=0',
      'pod/p',
      '--timeout=120s',
    );
    expect(await kubectl.run('logs', 'p', '-c', 'look')).toBe('sleep infinity ');
    expect(await kubectl.run('describe', 'pod', 'p')).toMatch(/Ephemeral Containers:\n {2}look:/);
    expect(await kubectl.run('delete', 'pod', 'p', '--force', '--grace-period=0')).toMatch(/^pod "p" force deleted/);
    expect(await kubectl.fails('get', 'pod', 'p')).toContain('NotFound');
  });
}

test.concurrent('kubectl finds out what there is: resources, versions, explanations, rights, paths', async () => {
  for (const version of versions) {
    const kubectl = new Kubectl(berth, version, 'default');
    const resources = await kubectl.run('api-resources', '--no-headers');
    for (const line of [
      /^pods +po +v1 +true +Pod$/m,
      /^storageclasses +sc +storage\.k8s\.io\/v1 +false +StorageClass$/m,
    ])
      expect(resources).toMatch(line);
    expect(await kubectl.run('api-versions')).toContain('apps/v1\n');
    expect(await kubectl.run('explain', 'pods.spec.containers.resources')).toMatch(/limits\t<map\[string\]/);
    expect(await kubectl.run('explain', 'sts', '--recursive')).toMatch(
      /volumeClaimTemplates\t<\[\]PersistentVolumeClaim>/,
    );
    expect(await kubectl.run('auth', 'can-i', 'create', 'pods')).toBe('yes\n');
    expect(await kubectl.run('cluster-info')).toContain('Kubernetes control plane');
    expect(await kubectl.run('version')).toMatch(/Server Version: .*v1\.36\.\d+/);
    expect(await kubectl.run('get', '--raw', '/readyz')).toBe('ok');
    expect(await kubectl.fails('top', 'pods')).toBe('error: Metrics API not available\n');
    expect(await kubectl.run('completion', 'bash')).toContain('__start_kubectl');
  }
  const kubectl = new Kubectl(berth, newest, 'default');
  expect(await kubectl.run('auth', 'whoami')).toMatch(/Groups +\[.*system:masters.*\]/);
  const endpoints = await kubectl.try(['get', 'endpoints', 'kubernetes', '-o', 'jsonpath={.subsets[0].ports[0].port}']);
  expect(endpoints.stdout).toBe(new URL(berth.ready.server).port);
  expect(endpoints.stderr).toBe(
    'Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n',
  );
});

test.concurrent('kubectl shows that scheduler, controllers and store are well, and that nobody should ask so', async () => {
  const { stdout, stderr } = await new Kubectl(berth, newest, 'default').try(['get', 'cs', '--no-headers']);
  expect(
    stdout
      .trimEnd()
      .split('\n')
      .map((line) => line.trim().split(/ {2,}/)),
  ).toEqual([
    ['controller-manager', 'Healthy', 'ok'],
    ['scheduler', 'Healthy', 'ok'],
    ['etcd-0', 'Healthy', 'ok'],
  ]);
  expect(stderr).toBe('Warning: v1 ComponentStatus is deprecated in v1.19+\n');
});

test('kubectl cordons, taints and drains a node', async () => {
  const kubectl = await inNamespace(newest, 'drain');
  await kubectl.feed(web(1, 'x'), 'apply', '-f', '-');
  await kubectl.run('run', 'bare', `--image=${image}`, '--', 'sleep', 'infinity');
  await kubectl.run('wait', '--for=condition=Ready', 'pod/web-0', 'pod/bare', '--timeout=120s');
  expect(await kubectl.run('taint', 'node', 'node-1', 'a=b:NoSchedule')).toBe('node/node-1 tainted\n');
  expect(await kubectl.run('taint', 'node', 'node-1', 'a-')).toBe('node/node-1 untainted\n');
  expect(await kubectl.run('cordon', 'node-1')).toBe('node/node-1 cordoned\n');
  expect(await kubectl.run('get', 'nodes')).toContain('Ready,SchedulingDisabled');
  const drain = ['drain', 'node-1', '--ignore-daemonsets', '--delete-emptydir-data', `--pod-selector=run=bare`];
  expect(await kubectl.fails(...drain)).toContain('cannot delete Pods that declare no controller');
  expect(await kubectl.run(...drain, '--force', '--grace-period=1', '--timeout=120s')).toMatch(
    /pod\/bare evicted\nnode\/node-1 drained/,
  );
  await kubectl.run('delete', 'pod', 'web-0', '--now', '--wait=false');
  const scheduled = 'jsonpath={.status.conditions[?(@.type=="PodScheduled")].message}';
  await eventually(async () =>
    (await kubectl.run('get', 'pod', 'web-0', '-o', scheduled)).startsWith(
      '0/1 nodes are available: 1 node(s) were unschedulable.',
    ),
  );
  await kubectl.run('uncordon', 'node-1');
  await kubectl.run('wait', '--for=condition=Ready', 'pod/web-0', '--timeout=120s');
  const events = await kubectl.run('events', '--for', 'pod/web-0');
  expect(events).toMatch(
    /Warning +FailedScheduling +Pod\/web-0 +0\/1 nodes are available: 1 node\(s\) were unschedulable/,
  );
});
