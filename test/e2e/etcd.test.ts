import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiError, isAlreadyExists, type KubeObject } from '@berth/kube';
import { expect, test } from 'vitest';
import { anAuthority, type Pair } from '../harness/api-server.ts';
import { Berth, eventually, execute, findKubectl, sleep } from '../harness/berth.ts';
import { EtcdCluster } from '../harness/etcd-cluster.ts';
import { freePort } from '../harness/free-port.ts';
import { webServerRecipe, writeDockerArchive } from '../harness/image-archive.ts';
import { RetryingClient } from '../harness/retrying-client.ts';

const example = readFileSync(join(import.meta.dirname, 'documents-example.yaml'), 'utf8');

function aFolder() {
  const path = mkdtempSync(join(tmpdir(), 'berth-e2e-etcd-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Certificates of an authority for etcd and for who calls it. */
async function etcdFiles(folder: string) {
  const authority = await anAuthority('CN=etcd-ca');
  const write = (name: string, text: string) => {
    const file = join(folder, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  const issue = async (name: string, usage: 'server' | 'client') => {
    const { cert, key } = await authority.issue(`CN=${name}`, usage);
    return { cert: write(`${name}.crt`, cert), key: write(`${name}.key`, key) };
  };
  return {
    authority,
    server: { ca: write('ca.crt', authority.cert), ...(await issue('etcd', 'server')) },
    client: await issue('client', 'client'),
  };
}

/** A data directory whose server trusts the same people and tokens. */
function aDirectoryLike({ dataDir: of }: Berth): string {
  const dataDir = mkdtempSync(join(tmpdir(), 'berth-e2e-'));
  mkdirSync(join(dataDir, 'pki'), { mode: 0o700 });
  for (const name of ['ca.crt', 'ca.key', 'sa.key']) cpSync(join(of, 'pki', name), join(dataDir, 'pki', name));
  return dataDir;
}

/** Pods of a berth, through an API server that has no nodes. */
async function throughAnother(berth: Berth, args: readonly string[]): Promise<void> {
  await using other = await Berth.start({ command: 'apiserver', dataDir: aDirectoryLike(berth), args });
  const { kubeconfig } = other.ready;
  const look = async (minor: string) => {
    const kubectl = (more: readonly string[], input?: string) =>
      execute(findKubectl(minor), ['--kubeconfig', kubeconfig, ...more], {
        timeoutMs: 60_000,
        ...(input === undefined ? {} : { input }),
      });
    expect(await pageOf({ minor, kubeconfig, pod: 'web-1' })).toBe('kept\n');
    const oneRun = ['--rm', '-i', '--quiet', '--restart=Never', '--image=registry.k8s.io/nginx-slim:0.8'];
    const script = 'read word; echo "got $word"; sleep 0.5';
    const attached = kubectl(
      ['run', `once-${minor.slice(2)}`, ...oneRun, '--command', '--', 'sh', '-c', script],
      'hello\n',
    );
    expect(await attached).toMatchObject({ code: 0, stdout: expect.stringContaining('got hello') });
    expect(await kubectl(['exec', '-i', 'web-1', '--', 'cat'], 'to and fro')).toMatchObject({ stdout: 'to and fro' });
    expect(await kubectl(['exec', 'web-1', '--', 'sh', '-c', 'exit 3'])).toMatchObject({ code: 3 });
    expect(await kubectl(['logs', 'web-1'])).toEqual(
      await execute(findKubectl(minor), ['--kubeconfig', berth.ready.kubeconfig, 'logs', 'web-1'], {
        timeoutMs: 60_000,
      }),
    );
    expect(await kubectl(['logs', 'web-1', '-c', 'nobody'])).toMatchObject({
      stderr: expect.stringContaining('container nobody is not valid for pod web-1'),
    });
  };
  await Promise.all(['1.27', '1.33'].map(look));
}

/** What a pod's web server answers through a port that kubectl forwards. */
async function pageOf({ minor, kubeconfig, pod }: { minor: string; kubeconfig: string; pod: string }): Promise<string> {
  const forward = spawn(findKubectl(minor), ['--kubeconfig', kubeconfig, 'port-forward', `pod/${pod}`, ':80']);
  try {
    const [line] = (await once(forward.stdout, 'data')) as [Buffer];
    const port = /127\.0\.0\.1:(\d+)/.exec(String(line))?.[1];
    return await (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text();
  } finally {
    forward.kill();
  }
}

test("the documents' StatefulSet runs on an etcd that asks for certificates, over crashes of berth and of etcd's members", async () => {
  using folder = aFolder();
  const files = await etcdFiles(folder.path);
  await using cluster = await EtcdCluster.start({
    members: 3,
    tls: files.server,
    args: ['--enable-grpc-gateway=false'],
  });
  const { ca } = files.server;
  const { cert, key } = files.client;
  const args = ['--etcd-servers', cluster.servers, '--etcd-cafile', ca, '--etcd-certfile', cert, '--etcd-keyfile', key];
  await using berth = await Berth.start({ args });
  const archive = join(berth.dataDir, 'nginx.tar');
  await writeDockerArchive(archive, webServerRecipe('registry.k8s.io/nginx-slim:0.8'));
  expect(await berth.command('berth', ['image', 'load', archive, '--data-dir', berth.dataDir])).toMatchObject({
    code: 0,
  });
  await berth.apply(example);
  await berth.kubectl(['rollout', 'status', 'statefulset/web', '--timeout=120s']);
  await berth.kubectl(['exec', 'web-1', '--', 'sh', '-c', 'echo kept > /usr/share/nginx/html/index.html']);

  await berth.stop('SIGKILL');
  await cluster.kill(0);
  await berth.up();
  await berth.replacePods('web-1');
  await cluster.run(0);
  await cluster.kill(1);
  await berth.kubectl(['wait', '--for=condition=Ready', 'pod/web-1', '--timeout=120s']);
  expect(await berth.kubectl(['exec', 'web-1', '--', 'cat', '/usr/share/nginx/html/index.html'])).toBe('kept\n');
  await throughAnother(berth, args);
  await cluster.run(1);
  await berth.kubectl(['delete', 'statefulset', 'web']);
  await berth.kubectl(['delete', 'pvc', '--all', '--timeout=120s']);
  await eventually(async () => (await berth.get<{ items: object[] }>('pv')).items.length === 0, {
    what: 'no volume left',
  });
  // Without its certificate nobody is let in, and told so.
  const [, , ...others] = args;
  const refused = Berth.at({ args: ['--etcd-servers', cluster.servers, ...others.slice(0, 2)] });
  await expect(refused.up()).rejects.toThrow(
    /etcd at https:.* it does not take our certificate .*: see --etcd-certfile/,
  );
  await refused[Symbol.asyncDispose]();
});

test('certificates for etcd are renewed without a restart: files are read again for each connection', async () => {
  using folder = aFolder();
  const files = await etcdFiles(folder.path);
  await using cluster = await EtcdCluster.start({ tls: files.server });
  const own = ['--etcd-certfile', files.client.cert, '--etcd-keyfile', files.client.key];
  const args = ['--etcd-servers', cluster.servers, '--etcd-cafile', files.server.ca, ...own];
  await using berth = await Berth.start({ command: 'apiserver', args });
  const replace = async (name: 'server' | 'client', pair: Pair) => {
    await cluster.kill(0);
    writeFileSync(files[name].cert, pair.cert);
    writeFileSync(files[name].key, pair.key);
    await cluster.run(0);
  };
  const isReady = async () => (await berth.tryKubectl(['get', '--raw', '/readyz'])).code === 0;
  /** Why another server does not start. */
  const complaint = () => refusal(args);

  await replace('client', await files.authority.issue('CN=old', 'client', { isExpired: true }));
  expect(await isReady()).toBe(false);
  expect(await complaint()).toMatch(
    /it does not take our certificate \(.*; it expired on 20.*Z\): see --etcd-certfile/,
  );
  await replace('client', await files.authority.issue('CN=new', 'client'));
  await eventually(isReady, { what: 'it is ready' });

  await replace('server', await files.authority.issue('CN=old', 'server', { isExpired: true }));
  expect(await isReady()).toBe(false);
  expect(await complaint()).toMatch(/etcd at https:\S+ does not answer: its certificate has expired/);
  await replace('server', await files.authority.issue('CN=new', 'server'));
  await eventually(isReady, { what: 'it is ready' });
  await berth.kubectl(['create', 'configmap', 'written']);
});

test('files that are not what a flag about etcd says are told by that flag, before etcd is asked', async () => {
  using folder = aFolder();
  const { server, client } = await etcdFiles(folder.path);
  const told = (ca: string, key: string) => {
    const files = ['--etcd-cafile', ca, '--etcd-certfile', client.cert, '--etcd-keyfile', key];
    return refusal(['--etcd-servers', 'https://127.0.0.1:1', ...files]);
  };
  const { cert, key } = client;
  expect(await told(key, key)).toContain(`--etcd-cafile ${key}: no certificate`);
  expect(await told(server.ca, server.key)).toMatch(`--etcd-certfile ${cert} and --etcd-keyfile ${server.key}: `);
});

/** What a server says that does not start with these flags. */
async function refusal(args: readonly string[]): Promise<string> {
  await using berth = Berth.at({ command: 'apiserver', args: [...args] });
  return await berth.up().then(
    () => '',
    (error: Error) => error.message,
  );
}

/** Data directories of servers that trust the same people and tokens. */
async function apiServers(cluster: EtcdCluster, count: number, stack: AsyncDisposableStack): Promise<Berth[]> {
  const args = ['--etcd-servers', cluster.servers, '--log-level', 'error'];
  const start = async (dataDir?: string) => {
    const port = String(await freePort());
    const options = { command: 'apiserver', args: [...args, '--port', port], ...(dataDir ? { dataDir } : {}) } as const;
    return stack.use(await Berth.start(options));
  };
  const first = await start();
  const others = Array.from({ length: count - 1 }, () => start(aDirectoryLike(first)));
  return [first, ...(await Promise.all(others))];
}

const configMaps = '/api/v1/namespaces/default/configmaps';

/** Makes, changes and deletes objects until it is told to stop, and reads each as its own writes have left it. */
async function write(client: RetryingClient, name: string, isOver: (made: number) => boolean): Promise<number> {
  for (let i = 0; ; i++) {
    if (isOver(i)) return i;
    const path = `${configMaps}/${name}-${i}`;
    const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${name}-${i}` }, data: { state: 'made' } };
    await client.request({ method: 'POST', path: configMaps, body: object }, isAlreadyExists);
    const read = await client.request<KubeObject>({ method: 'GET', path });
    expect(read).toMatchObject({ data: { state: 'made' } });
    const contentType = 'application/merge-patch+json';
    await client.request({ method: 'PATCH', path, contentType, body: { data: { state: 'changed' } } });
    const { items } = (await client.request<{ items: KubeObject[] }>({ method: 'GET', path: configMaps }))!;
    expect(items.find(({ metadata }) => metadata.name === `${name}-${i}`)).toMatchObject({
      data: { state: 'changed' },
    });
    if (i % 3 === 0) await client.request({ method: 'DELETE', path }, (error) => error.code === 'NotFound');
  }
}

/** What is told from a revision on, up to the object named `last`; from where it was each time a server goes away. */
async function follow(
  client: RetryingClient,
  { from, last }: { readonly from: string; readonly last: string },
  signal: AbortSignal,
): Promise<string[]> {
  const seen: string[] = [];
  let revision = from;
  while (!signal.aborted) {
    const path = `${configMaps}?watch=1&allowWatchBookmarks=true&resourceVersion=${revision}`;
    try {
      for await (const { type, object } of client.watch({ method: 'GET', path }, signal)) {
        revision = object.metadata.resourceVersion ?? '';
        if (object.metadata.name === last) return seen;
        if (type !== 'BOOKMARK') seen.push(`${type} ${object.metadata.name} ${revision}`);
      }
    } catch (error) {
      if (error instanceof ApiError && error.code !== 'ServiceUnavailable') throw error;
      await sleep(20);
    }
  }
  return seen;
}

test('API servers on one etcd are restarted one after the other under load, and no client that asks again fails', async () => {
  await using stack = new AsyncDisposableStack();
  const cluster = stack.use(await EtcdCluster.start({ members: 3 }));
  const servers = await apiServers(cluster, 3, stack);
  const kubeconfigs = servers.map(({ ready }) => ready.kubeconfig);
  const clients = await Promise.all(Array.from({ length: 7 }, (_, i) => RetryingClient.of(kubeconfigs, i)));
  for (const client of clients) stack.use(client);
  const list = await clients[0]!.request<{ metadata: { resourceVersion: string } }>({
    method: 'GET',
    path: configMaps,
  });
  const stop = new AbortController();
  stack.defer(() => stop.abort());
  const range = { from: list!.metadata.resourceVersion, last: 'last' };
  const watches = clients.slice(4).map((client) => follow(client, range, stop.signal));
  let isOver = false;
  const writes = clients.slice(0, 4).map((client, i) => write(client, `w${i}`, (made) => isOver && made > 5));
  for (const [i, server] of servers.entries()) {
    await server.stop(i === 1 ? 'SIGKILL' : 'SIGTERM');
    await server.up();
    await sleep(300);
  }
  isOver = true;
  const counts = await Promise.all(writes);
  expect(clients.slice(0, 4).reduce((sum, { retries }) => sum + retries, 0)).toBeGreaterThan(0);
  // Three changes of each, and every third was deleted: told to each watcher once, in one order.
  const expected = counts.reduce((sum, count) => sum + 2 * count + Math.ceil(count / 3), 0);
  const body = { metadata: { name: range.last } };
  await clients[0]!.request({ method: 'POST', path: configMaps, body }, isAlreadyExists);
  const histories = await Promise.all(watches);
  for (const history of histories) {
    expect(history).toEqual(histories[0]);
    expect(new Set(history).size).toBe(history.length);
    expect(history.length).toBe(expected);
  }
});

test('of several control planes on one etcd one runs, and another goes on when it ends', async () => {
  await using cluster = await EtcdCluster.start();
  const args = ['--etcd-servers', cluster.servers];
  await using first = await Berth.start({ nodes: 0, args });
  const holder = async (berth: Berth) =>
    (await berth.get<{ spec: { holderIdentity: string } }>('lease', '-n', 'kube-system', 'kube-controller-manager'))
      .spec.holderIdentity;
  const before = await eventually(() => holder(first), { what: 'a leader' });
  const dataDir = aDirectoryLike(first);
  await using second = await Berth.start({ nodes: 0, args, dataDir });
  expect(await holder(second)).toBe(before);
  await first.stop('SIGTERM');
  // Given up by who ended, not waited for.
  expect(await holder(second)).not.toBe(before);
  await eventually(async () => ![before, ''].includes(await holder(second)), { what: 'another leader' });
  await second.kubectl(['create', 'namespace', 'made-after']);
  await eventually(() => second.get('serviceaccount', '-n', 'made-after', 'default'), {
    what: 'what a controller makes',
  });
  await second.kubectl(['delete', 'namespace', 'made-after', '--timeout=120s']);
});
