import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  type KubeClient,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
  resources,
  type StatefulSet,
} from '@berth/kube';
import type { Berth } from '../harness/berth.ts';
import { isSame, type Life, type NodeTraces } from '../harness/node-traces.ts';

/** Follows containers through crashes: what runs goes on running, as the same process. */
export class Lives {
  readonly #traces: (node: string) => NodeTraces;
  readonly #lives = new Map<string, Life>();
  readonly #containers = new Map<string, string>();
  readonly problems: string[] = [];

  constructor(traces: (node: string) => NodeTraces) {
    this.#traces = traces;
  }

  readonly saw = ({ metadata, spec, status }: Pod): void => {
    const [container] = status?.containerStatuses ?? [];
    const id = container?.containerID?.replace(/^[a-z]+:\/\//, '');
    const [name, uid] = [metadata.name, metadata.uid ?? ''];
    if (!container || !id) return;
    const known = this.#containers.get(uid);
    if (known && known !== id) this.problems.push(`${name} has container ${id}, had ${known}`);
    if (container.restartCount > 0) this.problems.push(`${name} was restarted ${container.restartCount} times`);
    this.#containers.set(uid, id);
    const life = container.state?.running && this.#traces(spec?.nodeName ?? '').firstProcess(id);
    if (life && !this.#lives.has(uid)) this.#lives.set(uid, life);
  };

  /** The process of a pod's container, which ran when it was first seen. */
  of(pod: Pod): Life | undefined {
    return this.#lives.get(pod.metadata.uid ?? '');
  }

  /** Pods that nobody asked to end, whose processes are not what they were. */
  async ended(client: KubeClient): Promise<string[]> {
    const { items } = await client.list(resources.pods, { namespace: 'default' });
    const dead = items.filter((pod) => {
      const life = this.of(pod);
      return life !== undefined && !isSame(life) && !pod.metadata.deletionTimestamp;
    });
    // Between the list and the look somebody may have deleted it.
    const again = await Promise.all(
      dead.map(({ metadata }) => client.find(resources.pods, { namespace: 'default', name: metadata.name ?? '' })),
    );
    return again.flatMap((pod, i) =>
      pod && pod.metadata.uid === dead[i]?.metadata.uid && !pod.metadata.deletionTimestamp
        ? [`the process of ${pod.metadata.name} has ended`]
        : [],
    );
  }
}

interface Cluster {
  readonly sets: readonly StatefulSet[];
  readonly pods: readonly Pod[];
  readonly claims: readonly PersistentVolumeClaim[];
  readonly volumes: readonly PersistentVolume[];
}

export async function readCluster(client: KubeClient): Promise<Cluster> {
  const [sets, pods, claims, volumes] = await Promise.all([
    client.list(resources.statefulsets),
    client.list(resources.pods),
    client.list(resources.persistentvolumeclaims),
    client.list(resources.persistentvolumes),
  ]);
  return { sets: sets.items, pods: pods.items, claims: claims.items, volumes: volumes.items };
}

/** What keeps the cluster from being what its StatefulSets ask. */
export function unsettled({ sets, pods, claims, volumes }: Cluster): string[] {
  const bad: string[] = [];
  for (const { metadata, spec, status } of sets) {
    const want = spec?.replicas ?? 0;
    const own = pods.filter((pod) => pod.metadata.labels?.['app'] === metadata.name);
    const current = own.filter(
      ({ metadata: { labels } }) => labels?.['controller-revision-hash'] === status?.updateRevision,
    );
    const is = { pods: own.length, current: current.length, ready: status?.readyReplicas ?? 0 };
    if (is.pods !== want || is.current !== want || is.ready !== want)
      bad.push(`${metadata.name} wants ${want}, is ${JSON.stringify(is)}`);
  }
  for (const pod of pods) if (pod.metadata.deletionTimestamp) bad.push(`pod ${pod.metadata.name} is being deleted`);
  for (const claim of claims) {
    if (claim.metadata.deletionTimestamp) bad.push(`claim ${claim.metadata.name} is being deleted`);
  }
  const bound = new Map(claims.map((claim) => [claim.metadata.uid, claim]));
  for (const { metadata, spec } of volumes) {
    const claim = bound.get(spec?.claimRef?.uid);
    if (claim?.spec?.volumeName !== metadata.name) bad.push(`volume ${metadata.name} has no claim`);
  }
  return bad;
}

/** Differences between what the API says and what the machine has; `driver` is what ListVolumes tells. */
export function differences(cluster: Cluster, traces: NodeTraces, driver: readonly string[]): string[] {
  const { pods, claims, volumes } = cluster;
  const uids = pods.map(({ metadata }) => metadata.uid ?? '').sort();
  const containers = pods
    .flatMap(
      ({ status }) => status?.containerStatuses?.map(({ containerID }) => containerID?.split('//')[1] ?? '') ?? [],
    )
    .sort();
  const handles = volumes.map(({ spec }) => spec?.csi?.volumeHandle ?? '').sort();
  const bound = claims.filter(({ status }) => status?.phase === 'Bound').map(({ spec }) => spec?.volumeName);
  const same = (what: string, is: readonly unknown[], should: readonly unknown[]) => {
    if (JSON.stringify(is) === JSON.stringify(should)) return [];
    const extra = is.filter((one) => !should.includes(one));
    const missing = should.filter((one) => !is.includes(one));
    return [
      `${what}: too many ${JSON.stringify(extra)}, missing ${JSON.stringify(missing)} (${is.length}/${should.length})`,
    ];
  };
  return [
    ...same('volumes of the driver', [...driver].sort(), handles),
    ...same('directories in the pool', traces.volumes(), handles),
    ...same('trash', traces.trash(), []),
    ...same('volumes of claims', [...bound].sort(), volumes.map(({ metadata }) => metadata.name).sort()),
    ...same('mounts', traces.mounts(), expectedMounts(cluster, traces)),
    ...same('pod directories', traces.podDirectories(), uids),
    ...same('pod cgroups', traces.podCgroups(), uids),
    ...same('containers', traces.containers(), containers),
    ...same('monitors', traces.monitored(), containers),
    ...same('makers', traces.makers(), []),
    ...(traces.sandboxes().length === pods.length
      ? []
      : [`${traces.sandboxes().length} sandboxes, ${pods.length} pods`]),
    ...(traces.links().length === pods.length ? [] : [`${traces.links().length} interfaces, ${pods.length} pods`]),
    ...same('addresses', traces.addresses(), pods.map(({ status }) => status?.podIP ?? '').sort()),
  ];
}

/** The part of a cluster that is one node's. */
export function onNode(cluster: Cluster, node: string): Cluster {
  const isThere = ({ spec }: PersistentVolume) => JSON.stringify(spec?.nodeAffinity ?? {}).includes(`"${node}"`);
  const volumes = cluster.volumes.filter(isThere);
  const names = new Set(volumes.map(({ metadata }) => metadata.name));
  return {
    sets: [],
    pods: cluster.pods.filter(({ spec }) => spec?.nodeName === node),
    claims: cluster.claims.filter(({ spec }) => names.has(spec?.volumeName)),
    volumes,
  };
}

/** Every mount of a node whose pods are these, and once each. */
function expectedMounts({ pods, volumes }: Cluster, traces: NodeTraces): string[] {
  const perPod = pods.flatMap(({ metadata, spec }) => {
    const at = `kubelet/pods/${metadata.uid}/volumes`;
    return (spec?.volumes ?? []).map((volume) => {
      if (volume.projected) return `${at}/kubernetes.io~projected/${volume.name}`;
      const claim = volume.persistentVolumeClaim?.claimName;
      const pv = volumes.find((one) => one.spec?.claimRef?.name === claim);
      return `${at}/kubernetes.io~csi/${pv?.metadata.name}/mount`;
    });
  });
  const used = new Set(perPod.flatMap((path) => /csi\/([^/]+)\/mount$/.exec(path)?.[1] ?? []));
  const staged = [...used].map((name) => {
    const handle = volumes.find(({ metadata }) => metadata.name === name)?.spec?.csi?.volumeHandle ?? '';
    return `kubelet/plugins/kubernetes.io/csi/csi.berth.local/${stageName(handle)}/globalmount`;
  });
  const sandboxes = traces
    .sandboxes()
    .flatMap((id) => ['ns/ipc', 'ns/net', 'ns/uts', 'shm'].map((name) => `runtime/sandboxes/${id}/${name}`));
  const roots = traces.containers().map((id) => `runtime/containers/${id}/rootfs`);
  return [...perPod, ...staged, ...sandboxes, ...roots].sort();
}

function stageName(handle: string): string {
  return createHash('sha256').update(handle).digest('hex');
}

/** What a pod's volume holds, by the volume: who wrote it first, and all starts since. */
export function readData(
  { pods, volumes }: Cluster,
  traces: NodeTraces,
): Map<string, { first: string; starts: number }> {
  const found = new Map<string, { first: string; starts: number }>();
  for (const { metadata, spec } of pods) {
    const claim = spec?.volumes?.find((volume) => volume.persistentVolumeClaim)?.persistentVolumeClaim?.claimName;
    const volume = volumes.find((one) => one.spec?.claimRef?.name === claim);
    const at = `${traces.root}/kubelet/pods/${metadata.uid}/volumes/kubernetes.io~csi/${volume?.metadata.name}/mount`;
    if (!existsSync(join(at, 'first'))) continue;
    const starts = readFileSync(join(at, 'starts'), 'utf8').trim().split('\n').length;
    found.set(volume?.metadata.uid ?? '', { first: readFileSync(join(at, 'first'), 'utf8'), starts });
  }
  return found;
}

interface MountRow {
  readonly state: string;
  readonly path: string;
}

/** What the product's own eyes see: mounts that are not `ok`, and the driver's volumes. */
export async function askCsictl(berth: Berth, node = 'node-1'): Promise<{ badMounts: string[]; volumes: string[] }> {
  const ask = async <T>(what: string): Promise<T> => {
    const { stdout, code, stderr } = await berth.command('csictl', [what, '--data-dir', berth.dataDir, '-o', 'json']);
    if (code !== 0) throw new Error(`csictl ${what}: ${stderr}`);
    return JSON.parse(stdout) as T;
  };
  const [mounts, volumes] = await Promise.all([
    ask<MountRow[]>('mounts'),
    ask<{ volume: string; node: string }[]>('volumes'),
  ]);
  return {
    badMounts: mounts.filter(({ state }) => state !== 'ok').map(({ state, path }) => `csictl: ${state} ${path}`),
    volumes: volumes.filter((one) => one.node === node).map(({ volume }) => volume),
  };
}
