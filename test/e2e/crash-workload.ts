import type { Rng } from '@berth/kit';
import { ApiError, type KubeClient, type Pod, resources, type StatefulSet } from '@berth/kube';
import type { Acknowledged } from '../harness/acknowledged.ts';

/** Writes down who it is, once a volume, and each of its starts; ends at once when told to. */
const script = [
  `trap 'exit 0' TERM`,
  '[ -s /data/first ] || cat /proc/sys/kernel/random/uuid > /data/first',
  'hostname >> /data/starts; sync -d /data/first /data/starts',
  'while :; do sleep 1 & wait $!; done',
].join('; ');

export interface SetFacts {
  readonly name: string;
  readonly replicas: number;
  readonly policy: 'OrderedReady' | 'Parallel';
  /** Claims go with a replica that is scaled away. */
  readonly dropsClaims?: boolean;
}

function aStatefulSet({ name, replicas, policy, dropsClaims = false }: SetFacts): StatefulSet {
  const container = {
    name: 'c',
    image: 'berth.local/tools:latest',
    command: ['sh', '-c', script],
    volumeMounts: [{ name: 'data', mountPath: '/data' }],
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name, namespace: 'default' },
    spec: {
      selector: { matchLabels: { app: name } },
      serviceName: name,
      replicas,
      podManagementPolicy: policy,
      ...(dropsClaims && { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Retain' } }),
      template: {
        metadata: { labels: { app: name }, annotations: { round: '0' } },
        spec: { terminationGracePeriodSeconds: 2, containers: [container] },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } },
        },
      ],
    },
  };
}

interface Wish {
  readonly replicas: number;
  readonly round: number;
}

/** Someone who scales, rolls out and deletes without ever waiting, and remembers what was promised. */
export class Workload {
  readonly #rng: Rng;
  readonly #seen: Acknowledged;
  /** The last wish of each set that was acknowledged, and those since that may or may not have come through. */
  readonly #wishes = new Map<string, Wish[]>();

  constructor(rng: Rng, seen: Acknowledged) {
    this.#rng = rng;
    this.#seen = seen;
  }

  async create(client: KubeClient, facts: SetFacts): Promise<void> {
    const made = await client.create(resources.statefulsets, aStatefulSet(facts));
    this.#seen.add('statefulsets', made);
    this.#wishes.set(facts.name, [{ replicas: facts.replicas, round: 0 }]);
  }

  /** One random change. @throws what the client throws, which is expected when the server is killed meanwhile. */
  async act(client: KubeClient): Promise<void> {
    const names = [...this.#wishes.keys()];
    const name = names[this.#upTo(names.length)] as string;
    const chance = this.#rng.next();
    const last = (this.#wishes.get(name) as Wish[]).at(-1) as Wish;
    if (chance < 0.45) await this.#change(client, name, { ...last, replicas: this.#upTo(4) });
    else if (chance < 0.65) await this.#change(client, name, { ...last, round: last.round + 1 });
    else if (chance < 0.9) await this.#deletePod(client, name);
    else await this.#deleteClaim(client, name);
  }

  /** Every set as it was last wished, and at least one replica each. */
  async settle(client: KubeClient): Promise<void> {
    for (const [name, wishes] of this.#wishes) {
      const last = wishes.at(-1) as Wish;
      await this.#change(client, name, { ...last, replicas: Math.max(1, last.replicas) });
    }
    // A deleted claim stays as long as its pod, which nobody else would end.
    const { items } = await client.list(resources.persistentvolumeclaims, { namespace: 'default' });
    for (const { metadata } of items) {
      const name = metadata.name?.replace(/^data-/, '') ?? '';
      if (metadata.deletionTimestamp) await quietly(client.delete(resources.pods, { namespace: 'default', name }));
    }
  }

  /** Sets that are none of what they may be. */
  async broken(client: KubeClient): Promise<string[]> {
    const problems: string[] = [];
    for (const [name, wishes] of this.#wishes) {
      const { spec } = await client.get(resources.statefulsets, { namespace: 'default', name });
      const now = { replicas: spec?.replicas, round: Number(spec?.template.metadata?.annotations?.['round']) };
      const at = wishes.findLastIndex(({ replicas, round }) => replicas === now.replicas && round === now.round);
      if (at < 0) problems.push(`${name} is ${JSON.stringify(now)}, was promised ${JSON.stringify(wishes)}`);
      else this.#wishes.set(name, [wishes[at] as Wish]);
    }
    return problems;
  }

  #upTo(count: number): number {
    return Math.floor(this.#rng.next() * count);
  }

  async #change(client: KubeClient, name: string, wish: Wish): Promise<void> {
    const { replicas, round } = wish;
    const template = { metadata: { annotations: { round: String(round) } } };
    this.#wishes.get(name)?.push(wish);
    const patch = { type: 'strategic', patch: { spec: { replicas, template } } } as const;
    const made = await client.patch(resources.statefulsets, { namespace: 'default', name }, patch);
    this.#seen.add('statefulsets', made);
    this.#wishes.set(name, [wish]);
  }

  async #deletePod(client: KubeClient, name: string): Promise<void> {
    const pods = this.#seen.all<Pod>('pods').filter(({ metadata }) => metadata.labels?.['app'] === name);
    const pod = pods[this.#upTo(pods.length)];
    const ref = { namespace: 'default', name: pod?.metadata.name ?? '' };
    if (pod) await quietly(client.delete(resources.pods, ref));
  }

  async #deleteClaim(client: KubeClient, name: string): Promise<void> {
    const ref = { namespace: 'default', name: `data-${name}-${this.#upTo(3)}` };
    await quietly(client.delete(resources.persistentvolumeclaims, ref));
  }
}

async function quietly(call: Promise<unknown>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (!(error instanceof ApiError && error.code === 'NotFound')) throw error;
  }
}
