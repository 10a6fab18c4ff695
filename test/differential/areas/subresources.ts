import { at, containers, oneOf, pod, type World, workload } from './world.ts';

const types = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
};

/** Scales, statuses, evictions, bindings, ephemeral containers and sizes, by all ways of writing them. */
export async function subresources(world: World): Promise<void> {
  const scaled = [
    ['apps/v1', 'deployments', 'Deployment'],
    ['apps/v1', 'replicasets', 'ReplicaSet'],
    ['apps/v1', 'statefulsets', 'StatefulSet'],
    ['v1', 'replicationcontrollers', 'ReplicationController'],
  ] as const;
  for (const [api, plural, kind] of scaled) {
    const more = kind === 'StatefulSet' ? { serviceName: 's' } : {};
    await world.ask(kind, { method: 'POST', path: at(api, plural), body: workload(api, kind, 'w', more) });
    await scales(world, kind, at(api, plural, 'w/scale'));
    await statuses(world, kind, at(api, plural, 'w/status'));
  }
  await pods(world);
}

async function scales(world: World, kind: string, path: string): Promise<void> {
  const scale = (more: object) => ({ apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'w' }, ...more });
  const specs = [{ replicas: 2 }, { replicas: -1 }, { replicas: '2' }, {}, { replicas: null }, { replicas: 1, x: 1 }];
  await world.ask(kind, { method: 'GET', path });
  for (const spec of specs) {
    for (const validation of ['Strict', 'Warn', 'Ignore']) {
      const query = `?fieldValidation=${validation}`;
      await world.ask(kind, { method: 'PUT', path: path + query, body: scale({ spec }) });
      for (const contentType of [types.merge, types.strategic])
        await world.ask(kind, { method: 'PATCH', path: path + query, contentType, body: { spec } });
      await world.ask(kind, {
        method: 'PATCH',
        path: `${path}${query}&fieldManager=m`,
        contentType: types.apply,
        body: scale({ spec }),
      });
    }
    const body = [{ op: 'replace', path: '/spec', value: spec }];
    await world.ask(kind, { method: 'PATCH', path, contentType: types.json, body });
  }
  const wrong = [
    { metadata: { name: 'v' } },
    { metadata: { name: 'w', namespace: 'other' } },
    { metadata: { name: 'w', resourceVersion: '1' } },
    { metadata: { name: 'w', uid: 'x' } },
    { metadata: {} },
    { kind: 'Deployment' },
    { apiVersion: 'v1' },
    { apiVersion: 'extensions/v1beta1', status: { selector: { a: 'b' } } },
    { apiVersion: 'extensions/v1beta1', unknown: 1 },
    { apiVersion: 'apps/v1beta2', spec: { x: 1 } },
  ];
  for (const more of wrong)
    for (const query of ['', '?fieldValidation=Strict'])
      await world.ask(kind, { method: 'PUT', path: path + query, body: scale({ spec: { replicas: 1 }, ...more }) });
  for (const method of ['POST', 'DELETE'] as const) await world.ask(kind, { method, path, body: scale({}) });
}

async function statuses(world: World, kind: string, path: string): Promise<void> {
  const bodies = [
    { status: { replicas: 3, observedGeneration: 1 } },
    { status: { replicas: -1 } },
    { status: { readyReplicas: 5, replicas: 1 } },
    { status: { conditions: [{ type: 'Available', status: 'True' }] } },
    { status: { conditions: [{ type: 'Available' }, { type: 'Available', status: 'x' }] } },
    { status: null },
    { spec: { replicas: 9 }, metadata: { labels: { l: 'm' }, annotations: { a: 'b' } } },
    { metadata: { finalizers: ['a.b/c'] }, status: {} },
  ];
  for (const body of bodies)
    for (const contentType of [types.merge, types.strategic])
      await world.ask(kind, { method: 'PATCH', path: `${path}?fieldManager=s`, contentType, body });
  await world.ask(kind, { method: 'GET', path });
  await world.ask(kind, { method: 'GET', path: path.replace('/status', '') });
}

async function pods(world: World): Promise<void> {
  const make = (name: string, more: object = {}) =>
    world.ask('Pod', { method: 'POST', path: at('v1', 'pods'), body: pod(name, more) });
  await make('bound');
  const target = (more: object) => ({ apiVersion: 'v1', kind: 'Binding', metadata: { name: 'bound' }, ...more });
  const targets = [
    {},
    { target: {} },
    { target: { kind: 'Pod', name: 'n' } },
    { target: { kind: 'Node', name: '' } },
    { target: { kind: 'Node', name: 'n' }, metadata: { name: 'other' } },
    { target: { kind: 'Node', name: 'n' }, metadata: { name: 'bound', uid: 'x' } },
    { target: { name: 'n' }, metadata: { name: 'bound', annotations: { a: 'b' }, labels: { l: 'm' } } },
    { target: { kind: 'Node', name: 'm' } },
  ];
  for (const more of targets)
    await world.ask('Binding', { method: 'POST', path: at('v1', 'pods', 'bound/binding'), body: target(more) });
  await world.ask('Binding', { method: 'POST', path: at('v1', 'bindings'), body: target({ target: { name: 'n' } }) });
  await world.ask('Pod', { method: 'GET', path: at('v1', 'pods', 'bound') });
  const added = [
    [{ name: 'e', image: 'i' }],
    [{ name: 'e', image: 'j' }],
    [],
    [
      { name: 'e', image: 'i' },
      { name: 'f', image: 'i', targetContainerName: 'nope' },
    ],
    [
      { name: 'e', image: 'i' },
      { name: 'c', image: 'i' },
    ],
    [
      { name: 'e', image: 'i' },
      { name: 'g', image: 'i', ports: [{ containerPort: 1 }], lifecycle: {} },
    ],
    [{ name: 'e', image: 'i' }, { name: 'h' }],
  ];
  for (const ephemeralContainers of added)
    for (const contentType of [types.merge, types.strategic])
      await world.ask('EphemeralContainers', {
        method: 'PATCH',
        path: at('v1', 'pods', 'bound/ephemeralcontainers'),
        contentType,
        body: { spec: { ephemeralContainers } },
      });
  await make('sized', {
    containers: [{ ...containers[0], resources: { requests: { cpu: '1', memory: '1Gi' }, limits: { memory: '1Gi' } } }],
  });
  const sizes = [
    { requests: { cpu: '2' } },
    { requests: { cpu: '-1' } },
    { requests: { memory: '2Gi' } },
    { limits: { memory: '512Mi' } },
    { limits: null, requests: null },
    { requests: { 'ephemeral-storage': '1Gi' } },
    { limits: { cpu: '3' } },
  ];
  for (const resources of sizes)
    for (const contentType of [types.strategic, types.merge])
      await world.ask('Resize', {
        method: 'PATCH',
        path: at('v1', 'pods', 'sized/resize'),
        contentType,
        body: {
          spec: {
            containers: [contentType === types.merge ? { ...containers[0], resources } : { name: 'c', resources }],
          },
        },
      });
  await evictions(world, make);
  await disruptions(world);
}

async function evictions(world: World, make: (name: string) => Promise<unknown>): Promise<void> {
  const budgets = at('policy/v1', 'poddisruptionbudgets');
  const budget = (name: string, spec: object) => ({
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name },
    spec,
  });
  const evict = (name: string, more: object = {}, query = '') =>
    world.ask('Eviction', {
      method: 'POST',
      path: at('v1', 'pods', `${name}/eviction${query}`),
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name }, ...more },
    });
  await evict('nope');
  await make('evicted');
  const options = [
    { deleteOptions: { preconditions: { uid: 'x' } } },
    { deleteOptions: { preconditions: { resourceVersion: '1' } } },
    { deleteOptions: { gracePeriodSeconds: -5, dryRun: ['All'] } },
    { deleteOptions: { dryRun: ['x'] } },
    { metadata: { name: 'other' } },
    { apiVersion: 'policy/v1beta1' },
    { kind: 'Pod' },
    { deleteOptions: { propagationPolicy: 'x' } },
  ];
  for (const more of options) await evict('evicted', more, oneOf(world.rng, ['', '?dryRun=All']));
  await world.ask('Eviction', {
    method: 'POST',
    path: budgets,
    body: budget('b', { minAvailable: 1, selector: { matchLabels: { app: 'x' } } }),
  });
  await evict('evicted');
  await world.ask('Eviction', {
    method: 'POST',
    path: budgets,
    body: budget('b2', { maxUnavailable: 1, selector: {} }),
  });
  await evict('evicted');
  for (const name of ['b', 'b2']) await world.ask('Eviction', { method: 'DELETE', path: `${budgets}/${name}` });
  await evict('evicted', {}, '?dryRun=All');
  await evict('evicted');
}

/** Of running pods, which count, by budgets in every state. */
async function disruptions(world: World): Promise<void> {
  const about = 'Eviction';
  const budgets = at('policy/v1', 'poddisruptionbudgets');
  const patch = (path: string, body: object) => world.ask(about, { method: 'PATCH', path, body });
  const evict = (name: string, deleteOptions?: object, query = '') =>
    world.ask(about, {
      method: 'POST',
      path: at('v1', 'pods', `${name}/eviction${query}`),
      body: { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name }, ...(deleteOptions && { deleteOptions }) },
    });
  for (const [name, status] of Object.entries({ healthy: 'True', unhealthy: 'False' })) {
    const labels = { app: 'disrupted' };
    const body = { ...pod(name, { nodeName: 'n' }), metadata: { name, labels } };
    await world.ask(about, { method: 'POST', path: at('v1', 'pods'), body });
    const conditions = [{ type: 'Ready', status }];
    await patch(at('v1', 'pods', `${name}/status`), { status: { phase: 'Running', conditions } });
  }
  const all = { dryRun: ['All'] };
  for (const options of [all, { dryRun: ['x'] }, { propagationPolicy: 'x', ...all }, { dryRun: ['All', 'x'] }])
    for (const query of ['', '?dryRun=All', '?propagationPolicy=y'])
      for (const name of ['healthy', 'nope']) await evict(name, options, query);
  await evict('healthy', { ignoreStoreReadErrorWithClusterBreakingPotential: true });
  const selector = { matchLabels: { app: 'disrupted' } };
  for (const name of ['d1', 'd2']) {
    const budget = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name } };
    await world.ask(about, { method: 'POST', path: budgets, body: { ...budget, spec: { minAvailable: 1, selector } } });
  }
  await evict('healthy');
  await world.ask(about, { method: 'DELETE', path: `${budgets}/d2` });
  const condition = (status: string, reason: string, message = 'm') => [
    { type: 'DisruptionAllowed', status, reason, message, lastTransitionTime: '2026-01-01T00:00:00Z' },
  ];
  const counts = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 1, expectedPods: 1 };
  const policies = ['IfHealthyBudget', 'AlwaysAllow', null];
  const statuses = [
    counts,
    { ...counts, currentHealthy: 1 },
    { ...counts, currentHealthy: 2 },
    { ...counts, currentHealthy: 2, conditions: condition('False', 'InsufficientPods') },
    { ...counts, conditions: condition('False', 'SyncFailed') },
    { ...counts, disruptionsAllowed: 1, conditions: condition('True', 'SufficientPods', '') },
    { ...counts, disruptionsAllowed: 2 },
  ];
  for (const policy of policies) {
    await patch(`${budgets}/d1`, { spec: { unhealthyPodEvictionPolicy: policy } });
    for (const name of ['healthy', 'unhealthy']) await evict(name, all);
    for (const status of statuses) {
      await patch(`${budgets}/d1/status`, { status: { observedGeneration: 9, conditions: null, ...status } });
      for (const name of ['healthy', 'unhealthy']) await evict(name, all);
    }
  }
  await patch(`${budgets}/d1/status`, { status: { ...statuses[5], observedGeneration: 9 } });
  for (const name of ['healthy', 'healthy', 'unhealthy'])
    await evict(name, { preconditions: { resourceVersion: '1' } });
  await evict('healthy');
}
