import { at, oneOf, pod, type World, workload } from './world.ts';

type Json = Record<string, unknown>;

const contentType = 'application/strategic-merge-patch+json';

/** Strategic merges with all of their directives, in and out of place. */
export async function strategicMerge(world: World): Promise<void> {
  await world.ask('Deployment', {
    method: 'POST',
    path: at('apps/v1', 'deployments'),
    body: workload('apps/v1', 'Deployment', 'merged'),
  });
  await world.ask('Pod', {
    method: 'POST',
    path: at('v1', 'pods'),
    body: pod('merged', { volumes: [{ name: 'v', emptyDir: {} }] }),
  });
  for (let n = 0; n < world.cases; n++) {
    const isPod = world.rng.next() < 0.3;
    const path = isPod ? at('v1', 'pods', 'merged') : at('apps/v1', 'deployments', 'merged');
    const spec = specPatch(world);
    const body = {
      ...(world.rng.next() < 0.3
        ? {
            metadata: {
              labels: mapPatch(world),
              finalizers: ['a.b/c'],
              '$deleteFromPrimitiveList/finalizers': ['a.b/c'],
            },
          }
        : {}),
      ...(isPod
        ? { spec }
        : { spec: { template: { spec, ...(world.rng.next() < 0.2 ? { $patch: directive(world) } : {}) } } }),
    };
    await world.ask(isPod ? 'Pod' : 'Deployment', {
      method: 'PATCH',
      path: `${path}?dryRun=${oneOf(world.rng, ['All', 'All', ''])}`.replace(/\?dryRun=$/, ''),
      contentType,
      body,
    });
  }
}

const directive = ({ rng }: World) => oneOf(rng, ['replace', 'merge', 'delete', 'x', 1, null]);

function mapPatch(world: World): Json {
  return {
    a: oneOf(world.rng, ['1', null]),
    ...(world.rng.next() < 0.4 ? { $patch: directive(world) } : {}),
    ...(world.rng.next() < 0.2 ? { $retainKeys: oneOf(world.rng, [['a'], [], 'x', [1]]) } : {}),
  };
}

function element(world: World, keys: Json, more: Json): Json {
  return {
    ...(world.rng.next() < 0.9 ? keys : {}),
    ...(world.rng.next() < 0.6 ? more : {}),
    ...(world.rng.next() < 0.3 ? { $patch: directive(world) } : {}),
  };
}

function specPatch(world: World): Json {
  const { rng } = world;
  const name = oneOf(rng, ['c', 'd', null]);
  const port = () =>
    element(
      world,
      { containerPort: oneOf(rng, [80, 81, '80']) },
      { protocol: oneOf(rng, ['TCP', 'UDP']), name: oneOf(rng, ['p', null]) },
    );
  const container = element(
    world,
    { name },
    {
      image: oneOf(rng, ['i:2', null, '']),
      env: [element(world, { name: oneOf(rng, ['A', 'B']) }, { value: '2', valueFrom: null })],
      ports: oneOf<unknown>(rng, [
        [port(), port()],
        [{ $patch: 'replace' }],
        [{ $patch: 'replace' }, port()],
        null,
        [],
        {},
      ]),
      '$setElementOrder/ports': oneOf<unknown>(rng, [
        [{ containerPort: 81 }, { containerPort: 80 }],
        [{ containerPort: 80 }],
        [],
      ]),
      args: oneOf<unknown>(rng, [['a'], null, [null]]),
    },
  );
  const fields: Json = {
    containers: [container, ...(rng.next() < 0.2 ? [{ $patch: 'replace' }] : [])],
    '$setElementOrder/containers': oneOf<unknown>(rng, [[{ name: 'c' }], [{ name: 'd' }, { name: 'c' }], [{}], 'x']),
    volumes: [
      element(
        world,
        { name: oneOf(rng, ['v', 'w']) },
        oneOf<Json>(rng, [
          { emptyDir: { medium: 'Memory' } },
          { hostPath: { path: '/x' }, $retainKeys: ['name', 'hostPath'] },
        ]),
      ),
    ],
    nodeSelector: mapPatch(world),
    tolerations: [{ key: 'k', operator: 'Exists' }],
    terminationGracePeriodSeconds: oneOf(rng, [5, null, '5']),
    strategy: { $retainKeys: ['type'] },
    securityContext: { ...mapPatch(world), runAsUser: 1 },
    '$deleteFromPrimitiveList/finalizers': ['x'],
    unknown: 1,
  };
  return Object.fromEntries(Object.entries(fields).filter(() => rng.next() < 0.35));
}
