import { resources } from '@berth/kube';
import type { Attachments } from '../desired-world/attachments.ts';
import type { Layout } from '../kubelet-dir/layout.ts';
import type { VolumeManagerOptions } from '../start-volume-manager.ts';
import type { ServiceAccountTokens } from '../volume-files/service-account-tokens.ts';
import { contentPlugins } from './content/content-plugin.ts';
import { ObjectReader } from './content/object-reader.ts';
import { csiPlugin } from './csi/csi-plugin.ts';
import { emptyDirPlugin } from './empty-dir.ts';
import { hostPathPlugin } from './host-path.ts';
import { localVolumePlugin } from './local-volume.ts';
import { nfsPlugin } from './nfs.ts';
import type { VolumePlugin } from './volume-plugin.ts';

export interface PluginParts {
  readonly options: VolumeManagerOptions;
  readonly layout: Layout;
  readonly attachments: Attachments;
  readonly tokens: ServiceAccountTokens;
}

/** Every kind of volume served here, by its plugin's name. */
export function buildPlugins({ options, layout, attachments, tokens }: PluginParts): Map<string, VolumePlugin> {
  const { client, informers, mounter, clock, rng, log, events, nodeName, csi, allocatable } = options;
  const objects = new ObjectReader(client, informers);
  const all: VolumePlugin[] = [
    csiPlugin({
      layout,
      nodeName,
      drivers: csi,
      client,
      mounter,
      tokens,
      clock,
      log,
      events,
      driverObject: (name) => informers.of(resources.csidrivers).get(name),
      volume: (name) => informers.of(resources.persistentvolumes).get(name),
      attachment: (name) => attachments.find(name),
    }),
    emptyDirPlugin({ layout, mounter }),
    hostPathPlugin({ mounter }),
    localVolumePlugin({ layout, mounter }),
    nfsPlugin({ layout, mounter }),
    ...contentPlugins({ layout, mounter, rng, context: { objects, tokens, clock, allocatable } }),
  ];
  return new Map(all.map((plugin) => [plugin.name, plugin]));
}
