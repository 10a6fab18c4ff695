import type { Pod } from '@berth/kube';
import type { ContainerMount, MountedVolume, VolumeManager, VolumeTotal } from '@berth/volume-manager';

/** Volumes that are mounted at once, unless they are held back. */
export class FakeVolumes implements VolumeManager {
  readonly mounted = new Set<string>();
  readonly mounts = new Map<string, ContainerMount[]>();
  readonly calls: string[] = [];
  /** The error of every mount, while set. */
  failMounts: string | undefined;
  failContainers: string | undefined;
  #synced = Promise.withResolvers<void>();
  /** Pods whose volumes must stay until they are told of. */
  readonly undecided = new Set<string>();
  inUse: readonly string[] = [];
  /** `node.status.volumesInUse` as this was last told. */
  reported: readonly string[] | undefined;
  #holds: PromiseWithResolvers<void> | undefined;

  /** Unmounting waits until the returned function is called. */
  holdUnmounts(): () => void {
    this.#holds = Promise.withResolvers<void>();
    return () => this.#holds?.resolve();
  }

  totals(): readonly VolumeTotal[] {
    return [{ plugin: 'kubernetes.io/fake', state: 'desired_state_of_world', count: this.mounted.size }];
  }

  setPod(pod: Pod): void {
    this.undecided.delete(pod.metadata.uid ?? '');
    this.mounted.add(pod.metadata.uid ?? '');
  }

  removePod(uid: string): void {
    this.undecided.delete(uid);
    if (this.mounted.delete(uid)) this.calls.push(`remove ${uid}`);
  }

  podsSynced(undecided: Iterable<string>): void {
    for (const uid of undecided) if (!this.mounted.has(uid)) this.undecided.add(uid);
    this.#synced.resolve();
  }

  /** Another process starts: nobody has told it of any pod. */
  restart(): void {
    this.mounted.clear();
    this.undecided.clear();
    this.#synced = Promise.withResolvers<void>();
  }

  async waitForMount(): Promise<ReadonlyMap<string, MountedVolume>> {
    if (this.failMounts) throw new Error(this.failMounts);
    return new Map();
  }

  async waitForUnmount(): Promise<void> {
    await this.#synced.promise;
    await this.#holds?.promise;
  }

  async containerVolumes(_pod: Pod, container: string) {
    if (this.failContainers) throw new Error(this.failContainers);
    return { mounts: this.mounts.get(container) ?? [], devices: [] };
  }

  volumesInUse(): readonly string[] {
    return this.inUse;
  }

  nodeStatusChanged(_attached: unknown, inUse?: readonly string[]): void {
    this.reported = inUse;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
