/** Desired world, actual world, reconciler, volume plugins; and the attach-detach controller. */
export type { ContainerDevice, ContainerMount, MountedVolume, VolumeManager } from './volume-manager.ts';
