import type { UniqueVolumeName } from '../volume-spec.ts';
import type { ActualDevice, ActualPodVolume, ActualVolume } from './actual-volume.ts';

interface Entry {
  readonly name: UniqueVolumeName;
  device: ActualDevice | undefined;
  readonly pods: Map<string, ActualPodVolume>;
}

/** What is mounted and staged here. It is filled from the disk and the mount table, and changed only by what operations did. */
export class ActualWorld {
  readonly #volumes = new Map<UniqueVolumeName, Entry>();
  /** Volumes by pod uid: for waiting on a pod without reading everything. */
  readonly #byPod = new Map<string, Set<UniqueVolumeName>>();
  readonly #onChange: (name: UniqueVolumeName, podUid: string | undefined) => void;

  constructor(onChange: (name: UniqueVolumeName, podUid: string | undefined) => void) {
    this.#onChange = onChange;
  }

  get(name: UniqueVolumeName): ActualVolume | undefined {
    return this.#volumes.get(name);
  }

  names(): IterableIterator<UniqueVolumeName> {
    return this.#volumes.keys();
  }

  podVolume(name: UniqueVolumeName, podUid: string): ActualPodVolume | undefined {
    return this.#volumes.get(name)?.pods.get(podUid);
  }

  volumesOfPod(podUid: string): ReadonlySet<UniqueVolumeName> {
    return this.#byPod.get(podUid) ?? new Set();
  }

  pods(): IterableIterator<string> {
    return this.#byPod.keys();
  }

  setDevice(name: UniqueVolumeName, device: ActualDevice): void {
    const entry = this.#entry(name);
    entry.device = device.state === 'absent' ? undefined : device;
    this.#changed(entry, undefined);
  }

  setPodVolume(name: UniqueVolumeName, volume: ActualPodVolume): void {
    const entry = this.#entry(name);
    const ofPod = this.#byPod.get(volume.podUid) ?? new Set();
    if (volume.state === 'absent') {
      entry.pods.delete(volume.podUid);
      ofPod.delete(name);
    } else {
      entry.pods.set(volume.podUid, volume);
      ofPod.add(name);
    }
    if (ofPod.size === 0) this.#byPod.delete(volume.podUid);
    else this.#byPod.set(volume.podUid, ofPod);
    this.#changed(entry, volume.podUid);
  }

  /** Asks for a mounted volume's content to be renewed. */
  requireRefresh(name: UniqueVolumeName, podUid: string): void {
    const volume = this.podVolume(name, podUid);
    if (volume && !volume.refresh) this.setPodVolume(name, { ...volume, refresh: true });
  }

  #entry(name: UniqueVolumeName): Entry {
    const known = this.#volumes.get(name);
    if (known) return known;
    const entry: Entry = { name, device: undefined, pods: new Map() };
    this.#volumes.set(name, entry);
    return entry;
  }

  #changed(entry: Entry, podUid: string | undefined): void {
    if (!entry.device && entry.pods.size === 0) this.#volumes.delete(entry.name);
    this.#onChange(entry.name, podUid);
  }
}
