import { at, combined, map, oneOf, pod, revisionOf, type World, workload } from './world.ts';

/** Deletions of one and of many: propagation, preconditions, grace, finalizers, dry runs, in the query and in the body. */
export async function deletions(world: World): Promise<void> {
  const policies = [undefined, 'Background', 'Foreground', 'Orphan', 'x', ''];
  let n = 0;
  for (const { policy, finalizers, orphan, place, dry } of combined({
    policy: policies,
    finalizers: [[], ['a.b/c'], ['orphan'], ['foregroundDeletion']],
    orphan: [undefined, true, false],
    place: ['body', 'query'],
    dry: [false, true],
  })) {
    const name = `d${n++}`;
    await world.ask('ConfigMap', { method: 'POST', path: at('v1', 'configmaps'), body: map(name, { finalizers }) });
    const options = {
      ...(policy === undefined ? {} : { propagationPolicy: policy }),
      ...(orphan === undefined ? {} : { orphanDependents: orphan }),
      ...(dry ? { dryRun: ['All'] } : {}),
    };
    const query = new URLSearchParams(Object.entries(options).map(([key, value]) => [key, `${value}`]));
    const path = at('v1', 'configmaps', name);
    if (place === 'query') await world.ask('ConfigMap', { method: 'DELETE', path: `${path}?${query}` });
    else
      await world.ask('ConfigMap', {
        method: 'DELETE',
        path,
        body: { apiVersion: 'v1', kind: 'DeleteOptions', ...options },
      });
    await world.ask('ConfigMap', { method: 'GET', path });
    await world.ask('ConfigMap', { method: 'DELETE', path });
  }
  await preconditions(world);
  await graces(world);
  await collections(world);
  const path = at('apps/v1', 'deployments', 'gone');
  for (const policy of policies) {
    await world.ask('Deployment', {
      method: 'POST',
      path: at('apps/v1', 'deployments'),
      body: workload('apps/v1', 'Deployment', 'gone'),
    });
    await world.ask('Deployment', {
      method: 'DELETE',
      path: `${path}${policy === undefined ? '' : `?propagationPolicy=${policy}`}`,
    });
    await world.ask('Deployment', { method: 'PATCH', path, body: { metadata: { finalizers: null } } });
  }
}

async function preconditions(world: World): Promise<void> {
  const path = at('v1', 'configmaps', 'held');
  await world.ask('held', { method: 'POST', path: at('v1', 'configmaps'), body: map('held') });
  for (const { uid, resourceVersion, dryRun } of combined({
    uid: [undefined, 'own', 'x', ''],
    resourceVersion: [undefined, 'own', '1', 'x', ''],
    dryRun: [['All'], undefined],
  }))
    await world.ask('preconditions', ({ last }) => {
      const have = last['held'] && JSON.parse(last['held'].text).metadata;
      const known = {
        ...(uid === undefined ? {} : { uid: uid === 'own' ? have?.uid : uid }),
        ...(resourceVersion === undefined
          ? {}
          : { resourceVersion: resourceVersion === 'own' ? have?.resourceVersion : resourceVersion }),
      };
      // What nothing stands in the way of is not to go.
      const isHeld = dryRun === undefined && (uid ?? 'own') === 'own' && (resourceVersion ?? 'own') === 'own';
      return {
        method: 'DELETE',
        path,
        body: { preconditions: known, ...(dryRun || isHeld ? { dryRun: ['All'] } : {}) },
      };
    });
}

async function graces(world: World): Promise<void> {
  let n = 0;
  for (const { seconds, node } of combined({
    seconds: [undefined, 0, 1, 30, -1, 2 ** 40, 'x'],
    node: [undefined, 'n'],
  })) {
    const name = `g${n++}`;
    const path = at('v1', 'pods', name);
    await world.ask('Pod', { method: 'POST', path: at('v1', 'pods'), body: pod(name, node ? { nodeName: node } : {}) });
    const body = seconds === undefined ? undefined : { gracePeriodSeconds: seconds };
    await world.ask('Pod', { method: 'DELETE', path, body });
    await world.ask('Pod', {
      method: 'DELETE',
      path,
      body: { gracePeriodSeconds: oneOf(world.rng, [5, 60, undefined]) },
    });
    await world.ask('Pod', { method: 'GET', path });
    await world.ask('Pod', { method: 'DELETE', path: `${path}?gracePeriodSeconds=0` });
    await world.ask('Pod', { method: 'GET', path });
  }
}

async function collections(world: World): Promise<void> {
  const path = at('v1', 'secrets');
  const secret = (name: string, l: string) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name, labels: { l } } });
  const queries = [
    'dryRun=All',
    'labelSelector=l%3D1',
    'labelSelector=%3D%3D',
    'fieldSelector=metadata.name%3Ds2',
    'fieldSelector=x%3Dy',
    'limit=1',
    'resourceVersion=x',
    'propagationPolicy=x',
    'gracePeriodSeconds=x',
    'watch=true',
    '',
  ];
  for (const query of queries) {
    for (const [name, l] of [
      ['s1', '1'],
      ['s2', '2'],
      ['s3', '1'],
    ] as const)
      await world.ask('Secret', { method: 'POST', path, body: secret(name, l) });
    await world.ask('Secret', { method: 'DELETE', path: `${path}?${query}` });
    await world.ask('Secret', { method: 'GET', path: `${path}?labelSelector=l` });
  }
  await world.ask('Secret', { method: 'DELETE', path, body: { apiVersion: 'v1', kind: 'Pod' } });
  await world.ask('Secret', ({ last }) => ({
    method: 'DELETE',
    path: `${path}?resourceVersion=${revisionOf(last['Secret'])}`,
  }));
}
