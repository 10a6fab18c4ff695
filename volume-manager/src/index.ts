/** Desired world, actual world, reconciler, volume plugins; and the attach-detach controller. */
export {
  type AttachDetachDependencies,
  startAttachDetachController,
} from './attach-detach/start-attach-detach-controller.ts';
export { CsiPluginRegistry, type CsiPluginRegistryOptions } from './csi/csi-plugin-registry.ts';
export type { CsiNodeDriver, CsiPlugins } from './csi/csi-plugins.ts';
export type { OperationRecord } from './executor/executor.ts';
export { startVolumeManager, type VolumeManagerOptions } from './start-volume-manager.ts';
export type { ContainerDevice, ContainerMount, MountedVolume, VolumeManager, VolumeTotal } from './volume-manager.ts';
