import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type KubeObject, resources, resourceType } from '@berth/kube';
import { parseAllDocuments } from 'yaml';
import { sidecarModule } from '../harness/csi-sidecars.ts';
import { DeployedDriver, type Rendered } from '../harness/deployed-driver.ts';
import { ofClaim, pod } from '../harness/manifests.ts';
import { tools } from '../harness/pod-manifests.ts';
import type { SidecarWorld } from '../harness/sidecar-world.ts';
import { snapshotDefinitions } from '../harness/snapshot-definitions.ts';

const rbac = 'rbac.authorization.k8s.io';
const snapshotter = 'github.com/kubernetes-csi/external-snapshotter/v8';

export interface Snapshot extends KubeObject {
  readonly spec?: Record<string, unknown>;
  readonly status?: {
    readonly readyToUse?: boolean;
    readonly boundVolumeSnapshotContentName?: string;
    readonly boundVolumeGroupSnapshotContentName?: string;
  };
}

const group = 'snapshot.storage.k8s.io';
const groups = 'groupsnapshot.storage.k8s.io';
export const snapshots = resourceType<Snapshot>(group, 'v1', 'volumesnapshots', 'VolumeSnapshot', true);
export const contents = resourceType<Snapshot>(group, 'v1', 'volumesnapshotcontents', 'VolumeSnapshotContent', false);
export const groupSnapshots = resourceType<Snapshot>(groups, 'v1', 'volumegroupsnapshots', 'VolumeGroupSnapshot', true);

export const snapshotOf = (name: string, claimName: string, className: string) => ({
  apiVersion: `${group}/v1`,
  kind: 'VolumeSnapshot',
  metadata: { name },
  spec: { volumeSnapshotClassName: className, source: { persistentVolumeClaimName: claimName } },
});

export const groupOf = (name: string, matchLabels: Record<string, string>, className: string) => ({
  apiVersion: `${groups}/v1`,
  kind: 'VolumeGroupSnapshot',
  metadata: { name },
  spec: { volumeGroupSnapshotClassName: className, source: { selector: { matchLabels } } },
});

export const fromSnapshot = (name: string) => ({ apiGroup: group, kind: 'VolumeSnapshot', name });

/** A pod that has the claim at /data. */
export const consumer = (name: string, claimName: string, script = 'true') =>
  pod(name, {
    image: tools,
    volumes: [ofClaim('data', claimName)],
    mounts: [{ name: 'data', mountPath: '/data' }],
    script,
    spec: { automountServiceAccountToken: false },
  });

/** The same class, binding at once. */
export function immediate({ metadata, ...rest }: Rendered): object {
  return { ...rest, metadata: { ...metadata, name: `${metadata.name}-now` }, volumeBindingMode: 'Immediate' };
}

/** Roles as a project ships them for its own program; returns the account they are for, `NAMESPACE/NAME`. */
async function applyRoles(world: SidecarWorld, module: string, file: string, more: readonly object[] = []) {
  const text = readFileSync(join(sidecarModule(module), file), 'utf8');
  const objects = parseAllDocuments(text).flatMap((document) => (document.toJS() as Rendered | null) ?? []);
  const { metadata } = objects.find(({ kind }) => kind === 'ServiceAccount') as Rendered;
  const { name = '', namespace = 'default' } = metadata;
  const added = { name: `${name}-more` };
  const roleRef = { apiGroup: rbac, kind: 'ClusterRole', name: added.name };
  const subjects = [{ kind: 'ServiceAccount', name, namespace }];
  await world.apply(
    ...objects.map((object) =>
      object.metadata.namespace || object.kind?.startsWith('Cluster') ? object : inDefault(object),
    ),
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRole', metadata: added, rules: more },
    { apiVersion: `${rbac}/v1`, kind: 'ClusterRoleBinding', metadata: added, roleRef, subjects },
  );
  return `${namespace}/${name}`;
}

function inDefault(object: Rendered): Rendered {
  return { ...object, metadata: { ...object.metadata, namespace: 'default' } };
}

/** The definitions, and the controller that every cluster with snapshots has once. */
export async function installSnapshots(world: SidecarWorld): Promise<void> {
  await world.kubectl.run('apply', ...snapshotDefinitions().flatMap((file) => ['-f', file]));
  const file = 'deploy/kubernetes/snapshot-controller/rbac-snapshot-controller.yaml';
  // What its roles name as needed where each node takes snapshots.
  const nodes = [{ apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] }];
  const account = await applyRoles(world, snapshotter, file, nodes);
  const election = ['--leader-election=true', '--leader-election-namespace=kube-system'];
  const features = ['--enable-distributed-snapshotting=true', '--feature-gates=CSIVolumeGroupSnapshot=true'];
  await world.runOfficial('snapshot-controller', { account, more: [...election, ...features] });
}

export async function registered(world: SidecarWorld, driver: DeployedDriver): Promise<void> {
  const isThere = ({ spec }: { spec: { drivers: readonly { name: string }[] } }) =>
    spec.drivers.some(({ name }) => name === driver.name);
  await world.until(resources.csinodes, { name: world.node }, isThere);
}

/** deploy/kubernetes/local-sidecars: beside the driver of each node. */
export async function startNodeSidecars(world: SidecarWorld, directory: string) {
  const driver = new DeployedDriver(world, 'official');
  const objects = [...(await driver.render(directory)), ...(await driver.render('snapshots'))];
  const classes = objects.filter(({ kind }) => kind === 'StorageClass');
  await world.apply(...objects, ...classes.map(immediate));
  const daemonSet = objects.find(({ kind }) => kind === 'DaemonSet') as Rendered;
  await ownedPod(world, daemonSet);
  await driver.run(daemonSet, 'csi-driver');
  await registered(world, driver);
  // Twenty seconds, by default, before one of many provisioners claims what is not tied to a node.
  const startProvisioner = () => driver.run(daemonSet, 'provisioner', { more: ['--node-deployment-base-delay=100ms'] });
  const provisioner = await startProvisioner();
  const snapshotter = await driver.run(daemonSet, 'snapshotter');
  return { driver, provisioner, snapshotter, startProvisioner };
}

/** deploy/kubernetes/group-snapshots has another snapshotter, and is for clusters of one node. */
export async function startGroupSnapshotter(world: SidecarWorld, driver: DeployedDriver) {
  const objects = await driver.render('group-snapshots');
  await world.apply(...objects);
  return await driver.run(objects.find(({ kind }) => kind === 'DaemonSet') as Rendered, 'snapshotter');
}

/** What POD_NAME names: nobody runs it here, but CSIStorageCapacities belong to who owns it. */
async function ownedPod(world: SidecarWorld, { metadata: { name = '', namespace = '' } }: Rendered): Promise<void> {
  const { metadata } = await world.client.get(resources.daemonsets, { name, namespace });
  const owner = { apiVersion: 'apps/v1', kind: 'DaemonSet', name, uid: metadata.uid, controller: true };
  await world.apply({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `${name}-pod`, namespace, ownerReferences: [owner] },
    spec: { schedulingGates: [{ name: 'test/never' }], containers: [{ name: 'c', image: tools }] },
  });
}

/** A machine that is busy with other tests may stand still for a second or two. */
const election = [
  '--leader-election=true',
  '--leader-election-namespace=default',
  '--leader-election-lease-duration=6s',
  '--leader-election-renew-deadline=5s',
  '--leader-election-retry-period=300ms',
];

/** One of each for the whole cluster, with the roles their own projects ship; the driver attaches. */
export async function startCentralSidecars(world: SidecarWorld) {
  const driver = new DeployedDriver(world, 'central');
  const objects = await driver.render('local');
  const daemonSet = objects.find(({ kind }) => kind === 'DaemonSet') as Rendered;
  const csiDriver = objects.find(({ kind }) => kind === 'CSIDriver') as Rendered;
  const classes = objects.filter(({ kind }) => kind === 'StorageClass');
  const attributes = await driver.render('attributes');
  const attaching = { ...csiDriver, spec: { ...csiDriver.spec, attachRequired: true } };
  await world.apply(attaching, ...classes, ...classes.map(immediate), ...attributes);
  await driver.run(daemonSet, 'csi-driver', { more: ['--attach', '--max-volumes-per-node=20'] });
  await registered(world, driver);
  const address = [`--csi-address=${driver.socket}`];
  const roles = 'deploy/kubernetes/rbac.yaml';
  const module = (name: string) => `github.com/kubernetes-csi/external-${name}`;
  // A class of attributes is read for a new claim, which the roles of external-provisioner 6.3 leave out.
  const reading = [{ apiGroups: ['storage.k8s.io'], resources: ['volumeattributesclasses'], verbs: ['get'] }];
  const account = await applyRoles(world, module('provisioner/v6'), roles, reading);
  const startProvisioner = (hostname: string) =>
    world.runOfficial('csi-provisioner', {
      account,
      hostname,
      more: [...address, ...election, '--extra-create-metadata'],
    });
  const provisioners = [await startProvisioner('one'), await startProvisioner('two')] as const;
  for (const [name, major] of [
    ['attacher', 'v4'],
    ['resizer', 'v2'],
  ] as const) {
    // So do external-attacher's what its leader says.
    const events = [{ apiGroups: [''], resources: ['events'], verbs: ['create', 'patch'] }];
    const own = await applyRoles(world, module(`${name}/${major}`), roles, events);
    await world.runOfficial(`csi-${name}`, { account: own, more: [...address, ...election] });
  }
  return { driver, provisioners };
}

/** deploy/kubernetes/local: Berth's provisioner beside the driver, with its own roles; and external-snapshotter with those of its project. */
export async function startOwnProvisioner(world: SidecarWorld) {
  const driver = new DeployedDriver(world, 'plain');
  const objects = [...(await driver.render('local')), ...(await driver.render('snapshots'))];
  await world.apply(...objects);
  const daemonSet = objects.find(({ kind }) => kind === 'DaemonSet') as Rendered;
  await driver.run(daemonSet, 'csi-driver');
  await registered(world, driver);
  await driver.run(daemonSet, 'provisioner');
  const account = await applyRoles(world, snapshotter, 'deploy/kubernetes/csi-snapshotter/rbac-csi-snapshotter.yaml');
  const more = [`--csi-address=${driver.socket}`, '--node-deployment=true'];
  await world.runOfficial('csi-snapshotter', { account, more, env: { NODE_NAME: world.node } });
  return { driver };
}

/** The controller of deploy/kubernetes/nfs: returns the lease it works by. */
export async function startNfsController(world: SidecarWorld) {
  const driver = new DeployedDriver(world, 'shares');
  const objects = await driver.render('nfs');
  await world.apply(...objects);
  const deployment = objects.find(({ kind }) => kind === 'Deployment') as Rendered;
  await driver.run(deployment, 'csi-driver');
  await driver.run(deployment, 'provisioner');
  return { namespace: 'berth-nfs', name: `external-provisioner-leader-nfs-${driver.name.replaceAll('.', '-')}` };
}
