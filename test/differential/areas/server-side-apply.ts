import { at, oneOf, type World } from './world.ts';

type Json = Record<string, unknown>;

const contentType = 'application/apply-patch+yaml';
const managers = ['one', 'two', 'three'];

/** Managers that take, share, fight for and let go of fields, lists by key, sets and whole values. */
export async function serverSideApply(world: World): Promise<void> {
  for (let n = 0; n < world.cases; n++) {
    const { api, plural, kind, config } = oneOf(world.rng, kinds);
    const name = oneOf(world.rng, ['a', 'b']);
    const path = at(api, plural, name);
    const body = { apiVersion: api, kind, metadata: { name, ...metadata(world) }, ...config(world) };
    const way = world.rng.next();
    const manager = oneOf(world.rng, managers);
    const force = oneOf(world.rng, ['', '', '&force=true', '&force=false', '&dryRun=All']);
    if (way < 0.75)
      await world.ask(kind, { method: 'PATCH', path: `${path}?fieldManager=${manager}${force}`, contentType, body });
    else if (way < 0.9)
      await world.ask(kind, {
        method: 'PATCH',
        path: `${path}?fieldManager=${manager}`,
        body: { ...body, metadata: metadata(world) },
      });
    else if (way < 0.95) await world.ask(kind, { method: 'DELETE', path });
    else await world.ask(kind, { method: 'GET', path });
  }
}

function some(world: World, fields: Json): Json {
  return Object.fromEntries(Object.entries(fields).filter(() => world.rng.next() < 0.5));
}

function metadata(world: World): Json {
  return some(world, {
    labels: some(world, { a: oneOf(world.rng, ['1', '2']), b: '1' }),
    annotations: some(world, { x: oneOf(world.rng, ['1', '2', null]) }),
    finalizers: oneOf(world.rng, [['a.b/c'], ['a.b/d', 'a.b/c'], []]),
    ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: oneOf(world.rng, ['u', 'v']) }],
    ...(world.rng.next() < 0.1 ? { managedFields: [] } : {}),
  });
}

const port = (world: World) => ({
  ...some(world, { name: oneOf(world.rng, ['p', 'q']), protocol: oneOf(world.rng, ['TCP', 'UDP']) }),
  containerPort: oneOf(world.rng, [80, 81]),
});

const podSpec = (world: World) => ({
  containers: [
    {
      name: oneOf(world.rng, ['c', 'd']),
      ...some(world, {
        image: oneOf(world.rng, ['i:1', 'j:1']),
        env: [{ name: 'A', value: oneOf(world.rng, ['1', '2']) }, ...(world.rng.next() < 0.2 ? [{ name: 'A' }] : [])],
        ports: [port(world), ...(world.rng.next() < 0.3 ? [port(world)] : [])],
        args: oneOf(world.rng, [['a'], ['b', 'a'], []]),
        resources: { requests: { cpu: oneOf(world.rng, ['1', '1000m', 1]) } },
      }),
    },
  ],
  ...some(world, {
    tolerations: [{ key: oneOf(world.rng, ['k', 'l']), operator: 'Exists' }],
    nodeSelector: { a: oneOf(world.rng, ['1', '2']) },
    volumes: [{ name: 'v', emptyDir: {} }],
  }),
});

const kinds = [
  {
    api: 'v1',
    plural: 'configmaps',
    kind: 'ConfigMap',
    config: (world: World) =>
      some(world, {
        data: some(world, { a: oneOf(world.rng, ['1', '2', null]), b: '1', c: '1' }),
        binaryData: some(world, { d: 'YQ==' }),
        immutable: oneOf(world.rng, [false, null]),
        unknown: 1,
      }),
  },
  {
    api: 'apps/v1',
    plural: 'deployments',
    kind: 'Deployment',
    config: (world: World) => ({
      spec: {
        selector: { matchLabels: { app: 'x' } },
        template: { metadata: { labels: { app: 'x' } }, spec: podSpec(world) },
        ...some(world, {
          replicas: oneOf(world.rng, [0, 1, null]),
          paused: true,
          minReadySeconds: oneOf(world.rng, [1, 'x']),
        }),
      },
    }),
  },
  {
    api: 'v1',
    plural: 'services',
    kind: 'Service',
    config: (world: World) => ({
      spec: {
        ports: [
          {
            port: oneOf(world.rng, [80, 81]),
            name: 'a',
            ...some(world, { protocol: 'TCP', targetPort: oneOf(world.rng, [8080, 'x']) }),
          },
        ],
        ...some(world, {
          selector: { a: oneOf(world.rng, ['1', '2']) },
          externalIPs: oneOf(world.rng, [['1.2.3.4'], ['1.2.3.5', '1.2.3.4']]),
        }),
      },
    }),
  },
] as const;
