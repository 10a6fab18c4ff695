import type { DevicePlugin } from '../volume-plugin.ts';
import { publishBlock, stageBlock, unpublishBlock, unstageBlock } from './csi-block.ts';
import type { CsiContext } from './csi-context.ts';
import { stageFilesystem, unstageFilesystem } from './csi-device.ts';
import { expandVolume } from './csi-expand.ts';
import { csiPluginName, csiTarget, publishFilesystem, unpublishFilesystem } from './csi-filesystem.ts';

/** Volumes of CSI drivers: stage once a node, publish once a pod. */
export function csiPlugin(context: CsiContext): DevicePlugin {
  return {
    name: csiPluginName,
    hostPath: (spec) =>
      spec.mode === 'Block'
        ? context.layout.csiBlockPublish(spec.specName, spec.podUid)
        : csiTarget(context, spec.podUid, spec.specName),
    async setUp(spec, renew, signal) {
      if (spec.mode === 'Filesystem') return publishFilesystem(context, { spec, renew }, signal);
      await publishBlock(context, spec, signal);
      return {};
    },
    tearDown: (actual, signal) =>
      actual.mode === 'Block' ? unpublishBlock(context, actual, signal) : unpublishFilesystem(context, actual, signal),
    mountDevice: (spec, signal) =>
      spec.mode === 'Block' ? stageBlock(context, spec, signal) : stageFilesystem(context, spec, signal),
    expand: (spec, publishedTo, signal) => expandVolume(context, { spec, publishedTo }, signal),
    unmountDevice: (actual, signal) =>
      actual.mode === 'Block' ? unstageBlock(context, actual, signal) : unstageFilesystem(context, actual, signal),
  };
}
