/** Desired world, actual world, reconciler, volume plugins; and the attach-detach controller. */
export type { CsiNodeDriver, CsiPlugins } from './csi/csi-plugins.ts';
export { startVolumeManager, type VolumeManagerOptions } from './start-volume-manager.ts';
export type { ContainerDevice, ContainerMount, MountedVolume, VolumeManager } from './volume-manager.ts';
