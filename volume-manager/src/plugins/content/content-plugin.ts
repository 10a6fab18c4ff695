import type { Rng } from '@berth/kit';
import type { Mounter } from '@berth/linux';
import type { Layout } from '../../kubelet-dir/layout.ts';
import { writeAtomically } from '../../volume-files/atomic-writer.ts';
import { validatePayloadPath } from '../../volume-files/payload.ts';
import { setVolumeOwnership } from '../../volume-files/set-volume-ownership.ts';
import { makeVolumeDirectory, removeVolumeDirectory } from '../../volume-files/volume-directory.ts';
import type { VolumePlugin } from '../volume-plugin.ts';
import { collectConfigMap, collectDownwardApi, collectProjected, collectSecret } from './collect.ts';
import type { Collect, ContentContext } from './content-source.ts';

export interface ContentPluginOptions {
  readonly layout: Layout;
  readonly mounter: Mounter;
  readonly rng: Rng;
  readonly context: ContentContext;
}

interface Kind {
  readonly name: string;
  readonly collect: Collect;
  /** Kept off the disk, since it may be secret (upstream wrappedVolumeSpec, medium Memory). */
  readonly inMemory: boolean;
}

const kinds: readonly Kind[] = [
  { name: 'kubernetes.io/configmap', collect: collectConfigMap, inMemory: false },
  { name: 'kubernetes.io/secret', collect: collectSecret, inMemory: true },
  { name: 'kubernetes.io/downward-api', collect: collectDownwardApi, inMemory: true },
  { name: 'kubernetes.io/projected', collect: collectProjected, inMemory: true },
];

/** Volumes whose files are made of API objects. Containers only read them; they follow the objects' changes. */
export function contentPlugins(options: ContentPluginOptions): VolumePlugin[] {
  return kinds.map((kind) => contentPlugin(kind, options));
}

function contentPlugin({ name, collect, inMemory }: Kind, options: ContentPluginOptions): VolumePlugin {
  const { layout, mounter, rng, context } = options;
  const pathOf = (podUid: string, specName: string) => layout.podVolume(podUid, name, specName);
  return {
    name,
    alwaysReadOnly: true,
    hostPath: (spec) => pathOf(spec.podUid, spec.specName),
    async setUp(spec, _renew, signal) {
      const { payload, renewAtMs } = await collect(context, spec, signal);
      for (const path of payload.keys()) validatePayloadPath(path);
      const directory = pathOf(spec.podUid, spec.specName);
      await makeVolumeDirectory(mounter, { path: directory, mode: 0o777, tmpfsBytes: inMemory ? 0n : undefined });
      const fsGroup = spec.pod.spec?.securityContext?.fsGroup;
      const nowMs = context.clock.now();
      await writeAtomically({
        directory,
        payload,
        nowMs,
        rng,
        // Of the whole volume, as upstream: nobody writes to it, so that its group may only read.
        ...(fsGroup === undefined
          ? {}
          : { prepare: () => setVolumeOwnership({ path: directory, fsGroup, readOnly: true }, signal) }),
      });
      return renewAtMs === undefined ? {} : { refreshAfterMs: Math.max(1000, renewAtMs - nowMs) };
    },
    tearDown: (actual) => removeVolumeDirectory(mounter, pathOf(actual.podUid, actual.specName)),
  };
}
