import { silentLogger, systemClock } from '@berth/kit';
import { type ApiError, KubeClient, resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { openEtcdStore } from '../../orchestrator/src/store/etcd/store.etcd.ts';
import { anApiServer } from '../harness/api-server.ts';
import { EtcdCluster, isUncertain } from '../harness/etcd-cluster.ts';
import { etcdPrograms } from '../harness/etcd-program.ts';

/** Several API servers of one etcd, all started in the same moment. */
async function servers(program: string, count: number) {
  await using stack = new AsyncDisposableStack();
  const { endpoints } = stack.use(await EtcdCluster.start({ program }));
  const started = await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const store = stack.use(await openEtcdStore({ endpoints, clock: systemClock, log: silentLogger }));
      const more = { store, advertiseAddress: `192.0.2.${i + 1}` };
      const running = stack.use(await anApiServer({ more }));
      return { ...running, store, client: new KubeClient(running.server.transport()) };
    }),
  );
  const own = stack.move();
  return { all: started, endpoints, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

const aMap = (name: string, data: Record<string, string> = {}) => ({ metadata: { name, namespace: 'default' }, data });
const inDefault = { namespace: 'default' };

for (const [version, program] of Object.entries(etcdPrograms())) {
  test(`what one API server of etcd ${version} acknowledged, every other one shows at once`, async () => {
    await using group = await servers(program, 3);
    const client = (i: number) => group.all[i % 3]!.client;
    const round = async (i: number) => {
      const name = `m${i}`;
      const made = await client(i).create(resources.configmaps, aMap(name));
      const revision = Number(made.metadata.resourceVersion);
      expect(await client(i + 1).find(resources.configmaps, { ...inDefault, name })).toMatchObject({
        metadata: made.metadata,
      });
      const resourceVersion = String(revision);
      const { items, metadata } = await client(i + 2).list(resources.configmaps, { ...inDefault, resourceVersion });
      expect(Number(metadata.resourceVersion)).toBeGreaterThanOrEqual(revision);
      expect(items.map((each) => each.metadata.name)).toContain(name);
      const changed = await client(i + 2).update(resources.configmaps, { ...made, data: { by: 'another' } });
      await expect(client(i).update(resources.configmaps, { ...made, data: { by: 'late' } })).rejects.toMatchObject({
        code: 'Conflict',
      });
      expect(
        (await client(i + 1).list(resources.configmaps, inDefault)).items.find((each) => each.metadata.name === name),
      ).toMatchObject({
        data: { by: 'another' },
        metadata: { resourceVersion: changed.metadata.resourceVersion },
      });
    };
    for (let i = 0, acknowledged = 0; acknowledged < 60; i++) {
      try {
        await round(i);
        acknowledged++;
      } catch (error) {
        if (!isUncertain(error)) throw error;
      }
    }
  });

  test(`a watch from a revision of one API server goes on at another of etcd ${version} without a gap`, async () => {
    await using group = await servers(program, 2);
    const [one, two] = group.all;
    const { metadata } = await one!.client.list(resources.configmaps, inDefault);
    let resourceVersion = metadata.resourceVersion ?? '';
    const seen: string[] = [];
    for (let turn = 0; turn < 20; turn++) {
      const [writer, reader] = turn % 2 === 0 ? [one!, two!] : [two!, one!];
      await writer.client.create(resources.configmaps, aMap(`w${turn}`));
      const stop = new AbortController();
      for await (const event of reader.client.watch(
        resources.configmaps,
        { ...inDefault, resourceVersion },
        stop.signal,
      )) {
        seen.push(`${event.type} ${event.object.metadata.name}`);
        resourceVersion = event.object.metadata.resourceVersion ?? '';
        stop.abort();
      }
    }
    expect(seen).toEqual(Array.from({ length: 20 }, (_, turn) => `ADDED w${turn}`));
  });

  test(`a watch of what comes is not told what another API server of etcd ${version} acknowledged before it`, async () => {
    await using group = await servers(program, 2);
    const [one, two] = group.all;
    const seen: string[] = [];
    for (let turn = 0; turn < 40; turn++) {
      await one!.client.create(resources.configmaps, aMap(`b${turn}`));
      const stop = new AbortController();
      const only = { sendInitialEvents: false, resourceVersionMatch: 'NotOlderThan' } as const;
      const events = two!.client.watch(resources.configmaps, { ...inDefault, ...only }, stop.signal);
      const first = events[Symbol.asyncIterator]().next();
      let isHeard = false;
      const heard = first.then(({ value }) => {
        isHeard = true;
        return value?.object.metadata.name ?? '';
      });
      // Nothing says when it has begun: what was acknowledged before it was asked for is all that it may not tell.
      for (let i = 0; !isHeard; i++) await one!.client.create(resources.configmaps, aMap(`a${turn}-${i}`));
      seen.push((await heard).replace(/-.*/, ''));
      stop.abort();
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, turn) => `a${turn}`));
  });

  test(`API servers of etcd ${version} that make Services at once give no address and no port twice`, async () => {
    await using group = await servers(program, 3);
    const made = await Promise.all(
      Array.from({ length: 60 }, (_, i) =>
        group.all[i % 3]!.client.create(resources.services, {
          metadata: { name: `s${i}`, namespace: 'default' },
          spec: { type: 'NodePort', ports: [{ port: 80 }] },
        } as never),
      ),
    );
    expect(new Set(made.map(({ spec }) => spec?.clusterIP)).size).toBe(60);
    expect(new Set(made.map(({ spec }) => spec?.ports?.[0]?.nodePort)).size).toBe(60);
    // The same address asked for at all of them has one owner.
    const asked = await Promise.allSettled(
      group.all.map(({ client }, i) =>
        client.create(resources.services, {
          metadata: { name: `asked${i}`, namespace: 'default' },
          spec: { clusterIP: '10.96.200.200', ports: [{ port: 80 }] },
        } as never),
      ),
    );
    expect(asked.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    const refused = asked.flatMap((each) => (each.status === 'rejected' ? [each.reason as ApiError] : []));
    for (const { message } of refused) expect(message).toContain('provided IP is already allocated');
  });

  test(`API servers of etcd ${version} give all addresses of a range out, each once, and none is left that no Service has`, async () => {
    await using group = await servers(program, 3);
    const client = (i: number) => group.all[i % 3]!.client;
    const create = (i: number, name: string, spec: object = {}) =>
      client(i).create(resources.services, {
        metadata: { name, namespace: 'default' },
        spec: { ports: [{ port: 80 }], ...spec },
      } as never);
    const used = async (i: number) => {
      const { items } = await client(i).list(resources.services);
      return items.map(({ spec, metadata }) => `${spec?.clusterIP} ${metadata.name}`).sort();
    };
    const allocated = async (i: number) => {
      const { items } = await client(i).list(resources.ipaddresses);
      return items.map(({ spec, metadata }) => `${metadata.name} ${spec?.parentRef?.name}`).sort();
    };
    // One of each name comes to be, and what the others took for it is given back.
    const twins = await Promise.allSettled(Array.from({ length: 30 }, (_, i) => create(i, `twin${i % 10}`)));
    expect(twins.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    expect(await allocated(0)).toEqual(await used(1));

    for (let i = 0; i < 10; i++) await client(i).delete(resources.services, { namespace: 'default', name: `twin${i}` });
    expect(await allocated(2)).toEqual(['10.96.0.1 kubernetes']);
    await client(0).create(resources.servicecidrs, { metadata: { name: 'small' }, spec: { cidrs: ['10.200.0.0/28'] } });
    const asked = Array.from({ length: 28 }, (_, i) => `10.200.0.${1 + (i % 14)}`);
    const given = await Promise.allSettled(asked.map((clusterIP, i) => create(i, `s${i}`, { clusterIP })));
    expect(given.filter(({ status }) => status === 'fulfilled')).toHaveLength(14);
    expect(await allocated(1)).toEqual(await used(2));
    expect(await allocated(0)).toHaveLength(15);
  });

  test(`the kubernetes Service leads to every API server of etcd ${version} that runs`, async () => {
    await using group = await servers(program, 3);
    const [first, second, third] = group.all;
    const addresses = async () => {
      const found = await first!.client.find(resources.endpoints, { ...inDefault, name: 'kubernetes' });
      return (found?.subsets ?? []).flatMap((subset) => (subset.addresses ?? []).map(({ ip }) => ip)).sort();
    };
    await expect.poll(addresses).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
    await second!.server[Symbol.asyncDispose]();
    await expect.poll(addresses).toEqual(['192.0.2.1', '192.0.2.3']);
    await third!.server[Symbol.asyncDispose]();
    await expect.poll(addresses).toEqual(['192.0.2.1']);
  });

  test(`kinds and rights that one API server of etcd ${version} is told of, the others follow`, async () => {
    await using group = await servers(program, 2);
    const [one, two] = group.all;
    const post = (path: string, body: object) =>
      one!.send({ method: 'POST', path, contentType: 'application/json', body });
    const versions = [
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ];
    const names = { plural: 'foos', singular: 'foo', kind: 'Foo', listKind: 'FooList' };
    const definition = {
      metadata: { name: 'foos.example.com' },
      spec: { group: 'example.com', scope: 'Namespaced', names, versions },
    };
    expect(await post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)).toMatchObject({
      status: 201,
    });
    const path = '/apis/example.com/v1/namespaces/default/foos';
    const make = {
      method: 'POST',
      path,
      contentType: 'application/json',
      body: { apiVersion: 'example.com/v1', kind: 'Foo', metadata: { name: 'a' } },
    };
    await expect.poll(async () => (await two!.send(make)).status).toBe(201);
    expect((await one!.send({ method: 'GET', path: `${path}/a` })).status).toBe(200);

    const jane = { 'impersonate-user': 'jane' };
    const asks = { method: 'GET', path: '/api/v1/namespaces/default/configmaps', headers: jane };
    expect((await two!.send(asks)).status).toBe(403);
    const rbac = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings';
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' };
    const subjects = [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }];
    expect(await post(rbac, { metadata: { name: 'jane' }, roleRef, subjects })).toMatchObject({ status: 201 });
    await expect.poll(async () => (await two!.send(asks)).status).toBe(200);
  });

  test(`a page goes on at another API server of etcd ${version} at its own revision, also after the cache forgot it`, async () => {
    await using group = await servers(program, 2);
    const [one, two] = group.all;
    for (let i = 0; i < 9; i++) await one!.client.create(resources.configmaps, aMap(`p${i}`));
    const page = await one!.client.list(resources.configmaps, { ...inDefault, limit: 4 });
    await one!.client.delete(resources.configmaps, { ...inDefault, name: 'p8' });
    await two!.client.create(resources.configmaps, aMap('p85'));
    const rest = await two!.client.list(resources.configmaps, {
      ...inDefault,
      limit: 100,
      continue: page.metadata.continue ?? '',
    });
    expect([...page.items, ...rest.items].map(({ metadata }) => metadata.name)).toEqual(
      Array.from({ length: 9 }, (_, i) => `p${i}`),
    );
    // A store that starts anew has no memory of that time, and asks etcd.
    await using late = await openEtcdStore({ endpoints: group.endpoints, clock: systemClock, log: silentLogger });
    const revision = Number(page.metadata.resourceVersion);
    const { items } = await late.range({
      prefix: '/registry/configmaps/default/',
      revision,
      after: '/registry/configmaps/default/p3',
    });
    expect(items.map(({ key }) => key.split('/').at(-1))).toEqual(['p4', 'p5', 'p6', 'p7', 'p8']);
  });
}
