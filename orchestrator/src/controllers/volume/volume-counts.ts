import {
  type Informers,
  type KubeObject,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type ResourceType,
  resources,
  type VolumeAttachment,
} from '@berth/kube';
import type { MetricRegistry, Sample } from '../../metrics/metric-registry.ts';
import { classOf } from './binding-facts.ts';

/** Claims, volumes and attachments, counted when somebody asks, under kube-controller-manager's names (volume controllers' metrics). */
export class VolumeCounts {
  #informers: Informers | undefined;

  constructor(registry: MetricRegistry) {
    const volumes = (isBound: boolean) => () =>
      this.#count(resources.persistentvolumes, (volume: PersistentVolume) =>
        (volume.status?.phase === 'Bound') === isBound ? [[classOf(volume)]] : [],
      );
    const claims = (isBound: boolean) => () =>
      this.#count(resources.persistentvolumeclaims, (claim: PersistentVolumeClaim) =>
        (claim.status?.phase === 'Bound') === isBound
          ? [[claim.metadata.namespace ?? '', classOf(claim), claim.spec?.volumeAttributesClassName ?? '']]
          : [],
      );
    const ofClaims = ['namespace', 'storage_class', 'volume_attributes_class'];
    const name = (rest: string) => `pv_collector_${rest}`;
    registry.gauge(name('bound_pv_count'), 'Volumes that are bound.', ['storage_class'], volumes(true));
    registry.gauge(name('unbound_pv_count'), 'Volumes that are not bound.', ['storage_class'], volumes(false));
    registry.gauge(name('bound_pvc_count'), 'Claims that are bound.', ofClaims, claims(true));
    registry.gauge(name('unbound_pvc_count'), 'Claims that are not bound.', ofClaims, claims(false));
    registry.gauge(name('total_pv_count'), 'Volumes, by their plugin.', ['plugin_name', 'volume_mode'], () =>
      this.#count(resources.persistentvolumes, (volume: PersistentVolume) => [
        [pluginOf(volume), volume.spec?.volumeMode ?? 'Filesystem'],
      ]),
    );
    registry.gauge(
      'attachdetach_controller_total_volumes',
      'Volumes that are attached, and that are to be.',
      ['plugin_name', 'state'],
      () =>
        this.#count(resources.volumeattachments, ({ metadata, spec, status }: VolumeAttachment) => {
          const plugin = csiPlugin(spec?.attacher);
          return [
            ...(status?.attached ? [[plugin, 'actual_state_of_world']] : []),
            ...(metadata.deletionTimestamp === undefined ? [[plugin, 'desired_state_of_world']] : []),
          ];
        }),
    );
  }

  /** From now on these are asked. */
  follow(informers: Informers): void {
    this.#informers = informers;
  }

  /** How many there are of each list of labels that `labelsOf` gives. */
  #count<T extends KubeObject>(
    type: ResourceType<T>,
    labelsOf: (object: T) => readonly (readonly string[])[],
  ): Sample[] {
    const counts = new Map<string, { readonly labels: readonly string[]; count: number }>();
    for (const object of this.#informers?.of(type).list() ?? [])
      for (const labels of labelsOf(object)) {
        const key = labels.join('\0');
        const known = counts.get(key) ?? { labels, count: 0 };
        known.count++;
        counts.set(key, known);
      }
    return [...counts.values()].map(({ labels, count }): Sample => [labels, count]);
  }
}

/** As kube-controller-manager calls the plugins that it looks for there; of others it says that there is none. */
function pluginOf({ spec }: PersistentVolume): string {
  if (spec?.csi) return csiPlugin(spec.csi.driver);
  if (spec?.local) return 'kubernetes.io/local-volume';
  if (spec?.hostPath) return 'kubernetes.io/host-path';
  return spec?.nfs ? 'kubernetes.io/nfs' : 'N/A';
}

function csiPlugin(driver = ''): string {
  return `kubernetes.io/csi:${driver}`;
}
