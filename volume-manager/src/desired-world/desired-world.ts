import type { Pod, Volume } from '@berth/kube';
import { type UniqueVolumeName, uidOf, type VolumeSpec } from '../volume-spec.ts';
import type { Lookups } from './lookups.ts';
import { podVolumeUses } from './pod-volume-uses.ts';
import { dependenciesOf, resolveVolume } from './resolve-volume.ts';

interface DesiredPod {
  readonly pod: Pod;
  /** By the name inside the pod. */
  readonly specs: ReadonlyMap<string, VolumeSpec>;
  readonly problems: ReadonlyMap<string, string>;
  readonly dependencies: ReadonlySet<string>;
}

/** Which volumes which pods want, as far as the API objects at hand say. */
export class DesiredWorld {
  readonly #lookups: Lookups;
  readonly #pods = new Map<string, DesiredPod>();
  readonly #volumes = new Map<UniqueVolumeName, Map<string, VolumeSpec>>();
  /** `claim/ns/name`, `pv/name`, `driver/name` → uids of the pods that were resolved by it. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #onChange: (names: ReadonlySet<UniqueVolumeName>, podUid: string) => void;

  constructor(lookups: Lookups, onChange: (names: ReadonlySet<UniqueVolumeName>, podUid: string) => void) {
    this.#lookups = lookups;
    this.#onChange = onChange;
  }

  setPod(pod: Pod): void {
    this.#replace(uidOf(pod), this.#populate(pod));
  }

  removePod(uid: string): void {
    this.#replace(uid, undefined);
  }

  /** Something the pods' volumes were resolved by has changed. */
  dependencyChanged(kind: 'claim' | 'pv' | 'driver', key: string): void {
    for (const uid of [...(this.#dependents.get(`${kind}/${key}`) ?? [])]) {
      const known = this.#pods.get(uid);
      if (known) this.#replace(uid, this.#populate(known.pod));
    }
  }

  hasPod(uid: string): boolean {
    return this.#pods.has(uid);
  }

  /** Volumes of a pod by their name inside it. */
  specsOf(uid: string): ReadonlyMap<string, VolumeSpec> {
    return this.#pods.get(uid)?.specs ?? new Map();
  }

  problemsOf(uid: string): ReadonlyMap<string, string> {
    return this.#pods.get(uid)?.problems ?? new Map();
  }

  /** The pods that want a volume, by uid. */
  podsOf(name: UniqueVolumeName): ReadonlyMap<string, VolumeSpec> {
    return this.#volumes.get(name) ?? new Map();
  }

  volumeNames(): IterableIterator<UniqueVolumeName> {
    return this.#volumes.keys();
  }

  #populate(pod: Pod): DesiredPod {
    const uses = podVolumeUses(pod);
    const before = this.#pods.get(uidOf(pod))?.specs;
    const specs = new Map<string, VolumeSpec>();
    const problems = new Map<string, string>();
    const dependencies = new Set<string>();
    for (const volume of pod.spec?.volumes ?? []) {
      const use = { mounted: uses.mounts.has(volume.name), device: uses.devices.has(volume.name) };
      if (!use.mounted && !use.device) continue;
      for (const [kind, key] of Object.entries(dependenciesOf(pod, volume, this.#lookups))) {
        dependencies.add(`${kind}/${key}`);
      }
      const resolved = resolveVolume(pod, volume, use, this.#lookups);
      const kept = 'spec' in resolved ? resolved.spec : sameSource(before?.get(volume.name), volume, pod);
      const twin =
        kept &&
        [...specs.values()].find((spec) => spec.uniqueName === kept.uniqueName && spec.specName !== kept.specName);
      if (twin)
        problems.set(volume.name, `volume ${kept.specName} is the same storage as volume ${twin.specName} of this pod`);
      else if (kept) specs.set(volume.name, kept);
      else if ('problem' in resolved) problems.set(volume.name, resolved.problem);
    }
    return { pod, specs, problems, dependencies };
  }

  #replace(uid: string, next: DesiredPod | undefined): void {
    const before = this.#pods.get(uid);
    const touched = new Set<UniqueVolumeName>();
    for (const spec of before?.specs.values() ?? []) {
      this.#unlink(spec.uniqueName, uid);
      touched.add(spec.uniqueName);
    }
    for (const dependency of before?.dependencies ?? []) drop(this.#dependents, dependency, uid);
    if (next) this.#pods.set(uid, next);
    else this.#pods.delete(uid);
    for (const spec of next?.specs.values() ?? []) {
      this.#link(spec.uniqueName, uid, spec);
      touched.add(spec.uniqueName);
    }
    for (const dependency of next?.dependencies ?? []) {
      const dependents = this.#dependents.get(dependency) ?? new Set();
      this.#dependents.set(dependency, dependents.add(uid));
    }
    this.#onChange(touched, uid);
  }

  #link(name: UniqueVolumeName, uid: string, spec: VolumeSpec): void {
    const pods = this.#volumes.get(name) ?? new Map<string, VolumeSpec>();
    this.#volumes.set(name, pods.set(uid, spec));
  }

  #unlink(name: UniqueVolumeName, uid: string): void {
    const pods = this.#volumes.get(name);
    pods?.delete(uid);
    if (pods?.size === 0) this.#volumes.delete(name);
  }
}

/**
 * A volume once resolved stays so while the pod lives, even when its claim is being deleted or its PV is gone from the API:
 * unmounting below a running pod would lose its writes.
 */
function sameSource(before: VolumeSpec | undefined, volume: Volume, pod: Pod): VolumeSpec | undefined {
  if (!before || before.volume.persistentVolumeClaim?.claimName !== volume.persistentVolumeClaim?.claimName)
    return undefined;
  return { ...before, pod, volume };
}

function drop(index: Map<string, Set<string>>, key: string, uid: string): void {
  const uids = index.get(key);
  uids?.delete(uid);
  if (uids?.size === 0) index.delete(key);
}
