import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { Berth, execute, findKubectl } from '../harness/berth.ts';

/** What clusters are given: rendered and applied by a real kubectl, and held against the programs they start. */
const root = join(import.meta.dirname, '../..');
const kubernetes = join(root, 'deploy/kubernetes');
const minor = '1.32';

interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly provisioner?: string;
  readonly driver?: string;
  readonly driverName?: string;
  readonly rules?: readonly { readonly resources: readonly string[] }[];
  readonly spec?: { readonly template: { readonly spec: Pod } };
}

interface Pod {
  /** Ports are the node's then, which others may have. */
  readonly hostNetwork?: boolean;
  readonly containers: readonly Container[];
}

interface Container {
  readonly livenessProbe?: { readonly httpGet: { readonly path: string } };
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
}

async function rendered(directory: string): Promise<Rendered[]> {
  const { stdout } = await execute(findKubectl(minor), ['kustomize', join(kubernetes, directory)], {
    timeoutMs: 60_000,
  });
  return parseAllDocuments(stdout).map((document) => document.toJS() as Rendered);
}

let berth: Berth;

beforeAll(async () => {
  berth = await Berth.start({ kubectl: minor });
});

afterAll(() => berth?.[Symbol.asyncDispose]());

for (const directory of ['local', 'local-sidecars', 'nfs', 'attributes']) {
  test(`deploy/kubernetes/${directory} is taken by an API server, every field of it`, async () => {
    const objects = await rendered(directory);
    const told = await berth.kubectl(['apply', '--validate=strict', '-k', join(kubernetes, directory)]);
    expect(told.trim().split('\n')).toHaveLength(objects.length);
  });
}

test('snapshot classes name the driver they are for', async () => {
  for (const object of await rendered('snapshots')) {
    expect(object).toMatchObject({ apiVersion: 'snapshot.storage.k8s.io/v1', driver: 'csi.berth.local' });
  }
});

test('group snapshots: classes of v1, and a snapshotter that serves them and may', async () => {
  const objects = await rendered('group-snapshots');
  const classes = objects.filter(({ kind }) => kind === 'VolumeGroupSnapshotClass');
  expect(classes.map(({ metadata }) => metadata.name)).toEqual(['berth', 'berth-retain']);
  for (const object of classes) {
    expect(object).toMatchObject({ apiVersion: 'groupsnapshot.storage.k8s.io/v1', driver: 'csi.berth.local' });
  }
  const { spec } = objects.find(({ kind }) => kind === 'DaemonSet') ?? {};
  const snapshotter = spec?.template.spec.containers.find(({ name }) => name === 'snapshotter');
  expect(snapshotter?.args).toContain('--feature-gates=CSIVolumeGroupSnapshot=true');
  const role = objects.find(({ metadata }) => metadata.name === 'berth-node-group-snapshots');
  expect(role?.rules?.flatMap(({ resources }) => resources)).toContain('volumegroupsnapshotcontents/status');
  // Without the CRDs of group snapshots, the gate would end those of single volumes too.
  const alone = (await rendered('local-sidecars')).find(({ kind }) => kind === 'DaemonSet');
  expect(JSON.stringify(alone)).not.toContain('CSIVolumeGroupSnapshot');
});

for (const directory of ['local', 'local-sidecars', 'nfs']) {
  test(`the programs know every flag that deploy/kubernetes/${directory} gives them`, async () => {
    const objects = await rendered(directory);
    const containers = objects.flatMap(({ spec, kind }) =>
      ['DaemonSet', 'Deployment'].includes(kind) ? (spec?.template.spec.containers ?? []) : [],
    );
    const own = containers.filter(({ image }) => image.startsWith('berth:'));
    expect(own.length).toBeGreaterThan(0);
    for (const { args } of own) {
      const [program, ...flags] = args;
      const { stdout: help } = await berth.command(program as 'csi-driver' | 'provisioner', ['--help']);
      for (const flag of flags) expect(help).toContain(`${flag.split('=')[0]} `);
    }
  });
}

for (const directory of ['local', 'nfs']) {
  test(`each program of deploy/kubernetes/${directory} with ports of its own tells of itself and is looked after`, async () => {
    const pods = (await rendered(directory)).filter(({ kind }) => ['DaemonSet', 'Deployment'].includes(kind));
    const containers = pods.flatMap(({ spec }) =>
      spec && !spec.template.spec.hostNetwork ? spec.template.spec.containers : [],
    );
    expect(containers.length).toBeGreaterThan(1);
    for (const { args, livenessProbe } of containers) {
      expect(args.join(' ')).toMatch(/ --http-endpoint=:\d+ /);
      expect(livenessProbe?.httpGet.path).toBe('/healthz');
    }
  });
}

test('the image is built from files that are there, and every workspace takes part', () => {
  const dockerfile = readFileSync(join(root, 'deploy/Dockerfile'), 'utf8');
  const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { workspaces: string[] };
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources = '']) =>
    sources.split(' '),
  );
  for (const source of copied) expect(() => readFileSync(join(root, source))).not.toThrow(/ENOENT/);
  expect(copied.filter((source) => source.endsWith('/package.json')).map((source) => source.split('/')[0])).toEqual(
    workspaces.toSorted(),
  );
});
