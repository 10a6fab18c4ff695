import {
  type CSINode,
  type CSINodeDriver,
  isAlreadyExists,
  isConflict,
  type KubeClient,
  type Node,
  resources,
} from '@berth/kube';

/** What a driver said of this node (NodeGetInfo). */
export interface DriverNodeInfo {
  readonly driver: string;
  readonly nodeId: string;
  readonly maxVolumes: number;
  readonly topology: Readonly<Record<string, string>>;
}

const nodeIdAnnotation = 'csi.volume.kubernetes.io/nodeid';
/** Another writer of the object is met at most this often in a row (upstream nodeinfomanager updateBackoff.Steps). */
const conflictTries = 10;

/** Keeps what drivers say of this node in its Node and CSINode (upstream nodeinfomanager.go). */
export class NodeInfo {
  readonly #client: KubeClient;
  readonly #nodeName: string;

  constructor(client: KubeClient, nodeName: string) {
    this.#client = client;
    this.#nodeName = nodeName;
  }

  /** The drivers that this node lists. */
  async drivers(signal: AbortSignal): Promise<string[]> {
    const known = await this.#client.find(resources.csinodes, { name: this.#nodeName }, signal);
    return (known?.spec.drivers ?? []).map(({ name }) => name);
  }

  /** @throws Error – a topology label of the node has another value; ApiError. */
  async install(info: DriverNodeInfo, signal: AbortSignal): Promise<void> {
    await this.#updateNode((node) => withDriver(node, info), signal);
    await this.#updateCsiNode(
      (drivers) => [...drivers.filter((one) => one.name !== info.driver), entryOf(info)],
      signal,
    );
  }

  async uninstall(driver: string, signal: AbortSignal): Promise<void> {
    await this.#updateCsiNode((drivers) => drivers.filter((one) => one.name !== driver), signal);
    await this.#updateNode((node) => withoutDriver(node, driver), signal);
  }

  async #updateNode(change: (node: Node) => object | undefined, signal: AbortSignal): Promise<void> {
    const node = await this.#client.get(resources.nodes, { name: this.#nodeName }, signal);
    const metadata = change(node);
    if (!metadata) return;
    await this.#client.patch(
      resources.nodes,
      { name: this.#nodeName },
      { type: 'merge', patch: { metadata } },
      {},
      signal,
    );
  }

  async #updateCsiNode(change: (drivers: CSINodeDriver[]) => CSINodeDriver[], signal: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        return await this.#tryUpdateCsiNode(change, signal);
      } catch (error) {
        if (tries >= conflictTries || !(isConflict(error) || isAlreadyExists(error))) throw error;
      }
    }
  }

  async #tryUpdateCsiNode(change: (drivers: CSINodeDriver[]) => CSINodeDriver[], signal: AbortSignal): Promise<void> {
    const known = await this.#client.find(resources.csinodes, { name: this.#nodeName }, signal);
    const before = known?.spec.drivers ?? [];
    const drivers = change([...before]);
    if (known) {
      if (JSON.stringify(drivers) === JSON.stringify(before)) return;
      await this.#client.update(resources.csinodes, { ...known, spec: { ...known.spec, drivers } }, {}, signal);
    } else {
      await this.#client.create(resources.csinodes, await this.#newCsiNode(drivers, signal), {}, signal);
    }
  }

  /** A CSINode belongs to its Node and goes with it. */
  async #newCsiNode(drivers: CSINodeDriver[], signal: AbortSignal): Promise<CSINode> {
    const node = await this.#client.get(resources.nodes, { name: this.#nodeName }, signal);
    const owner = { apiVersion: 'v1', kind: 'Node', name: this.#nodeName, uid: node.metadata.uid ?? '' };
    return { metadata: { name: this.#nodeName, ownerReferences: [owner] }, spec: { drivers } };
  }
}

function entryOf({ driver, nodeId, maxVolumes, topology }: DriverNodeInfo): CSINodeDriver {
  const topologyKeys = Object.keys(topology).sort();
  return {
    name: driver,
    nodeID: nodeId,
    topologyKeys,
    ...(maxVolumes > 0 ? { allocatable: { count: maxVolumes } } : {}),
  };
}

function nodeIds(node: Node): Record<string, string> {
  try {
    const ids: unknown = JSON.parse(node.metadata.annotations?.[nodeIdAnnotation] ?? '{}');
    return typeof ids === 'object' && ids !== null ? { ...(ids as Record<string, string>) } : {};
  } catch {
    return {};
  }
}

/** The metadata to merge into the node; undefined where it is so already. */
function withDriver(node: Node, { driver, nodeId, topology }: DriverNodeInfo): object | undefined {
  const labels = node.metadata.labels ?? {};
  for (const [key, value] of Object.entries(topology)) {
    if (!Object.hasOwn(labels, key) || labels[key] === value) continue;
    throw new Error(
      `detected topology value collision: driver reported "${key}":"${value}" but existing label is "${key}":"${labels[key]}"`,
    );
  }
  const ids = nodeIds(node);
  if (ids[driver] === nodeId && Object.keys(topology).every((key) => Object.hasOwn(labels, key))) return undefined;
  return { annotations: { [nodeIdAnnotation]: sortedJson({ ...ids, [driver]: nodeId }) }, labels: topology };
}

/** Topology labels stay, as upstream leaves them: volumes may depend on them. */
function withoutDriver(node: Node, driver: string): object | undefined {
  const { [driver]: removed, ...rest } = nodeIds(node);
  if (removed === undefined) return undefined;
  const value = Object.keys(rest).length > 0 ? sortedJson(rest) : null;
  return { annotations: { [nodeIdAnnotation]: value } };
}

function sortedJson(map: Record<string, string>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1))));
}
