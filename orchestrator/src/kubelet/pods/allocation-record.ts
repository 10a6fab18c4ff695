import { mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { removeHalfWritten, writeFileDurably } from '@berth/kit';
import type { Pod } from '@berth/kube';
import { type NodeContext, podDirectory } from '../node-context.ts';
import { type Allocation, allocationOf } from './allocated-pod.ts';

/** Beside the pod's volumes (kubelet keeps all pods' in one `allocated_pods_state`). */
const fileOf = (node: NodeContext, uid: string) => join(podDirectory(node, uid), 'allocated.json');

/** What a pod was given, written down for the kubelet after this one: its spec may ask for more while none runs. */
export class AllocationRecord {
  readonly #node: NodeContext;
  readonly #uid: string;
  #isRead = false;
  #known: Allocation | undefined;

  constructor(node: NodeContext, uid: string) {
    this.#node = node;
    this.#uid = uid;
  }

  get isRead(): boolean {
    return this.#isRead;
  }

  /** As it was written last; undefined where nothing was, it is damaged, or was not read yet. */
  get known(): Allocation | undefined {
    return this.#known;
  }

  async read(): Promise<void> {
    try {
      this.#known = JSON.parse(await readFile(fileOf(this.#node, this.#uid), 'utf8')) as Allocation;
    } catch {
      this.#known = undefined;
    }
    this.#isRead = true;
  }

  /** After return it is on disk. A pod without any resources gets none, as no resize changes its QoS class: nothing is written. */
  async write(pod: Pod): Promise<void> {
    const given = allocationOf(pod);
    if (hasNone(given) || isDeepStrictEqual(given, this.#known)) return;
    const file = fileOf(this.#node, this.#uid);
    await mkdir(dirname(file), { recursive: true, mode: 0o750 });
    await writeFileDurably(file, JSON.stringify(given));
    this.#known = given;
  }
}

function hasNone({ whole, containers }: Allocation): boolean {
  return [whole, ...containers.map(([, resources]) => resources)].every((some) => Object.keys(some).length === 0);
}

export async function removeAllocationRecord(node: NodeContext, uid: string): Promise<void> {
  await removeHalfWritten(fileOf(node, uid));
  await rm(fileOf(node, uid), { force: true });
}
