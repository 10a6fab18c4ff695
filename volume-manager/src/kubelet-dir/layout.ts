import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** `kubernetes.io/csi` as a directory name (upstream utilstrings.EscapeQualifiedName). */
export function escapePluginName(name: string): string {
  return name.replace('/', '~');
}

export function unescapePluginName(name: string): string {
  return name.replace('~', '/');
}

/** Where kubelet keeps volumes: other programs (and the next Berth) find them by these names. */
export class Layout {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  get pods(): string {
    return join(this.root, 'pods');
  }

  get pluginsRegistry(): string {
    return join(this.root, 'plugins_registry');
  }

  podDir(uid: string): string {
    return join(this.pods, uid);
  }

  podVolumes(uid: string): string {
    return join(this.podDir(uid), 'volumes');
  }

  podVolume(uid: string, plugin: string, specName: string): string {
    return join(this.podVolumes(uid), escapePluginName(plugin), specName);
  }

  podDevices(uid: string): string {
    return join(this.podDir(uid), 'volumeDevices');
  }

  podDevice(uid: string, plugin: string, specName: string): string {
    return join(this.podDevices(uid), escapePluginName(plugin), specName);
  }

  subPaths(uid: string): string {
    return join(this.podDir(uid), 'volume-subpaths');
  }

  get csiPlugins(): string {
    return join(this.root, 'plugins/kubernetes.io/csi');
  }

  /** The directory of a staged filesystem volume; `globalmount` and `vol_data.json` are in it. */
  csiDevice(driver: string, handle: string): string {
    return join(this.csiPlugins, driver, createHash('sha256').update(handle).digest('hex'));
  }

  csiStaging(driver: string, handle: string): string {
    return join(this.csiDevice(driver, handle), 'globalmount');
  }

  get csiBlock(): string {
    return join(this.csiPlugins, 'volumeDevices');
  }

  csiBlockStaging(specName: string): string {
    return join(this.csiBlock, 'staging', specName);
  }

  csiBlockPublish(specName: string, podUid: string): string {
    return join(this.csiBlock, 'publish', specName, podUid);
  }

  /** Holds `vol_data.json` of a block volume. */
  csiBlockData(specName: string): string {
    return join(this.csiBlock, specName, 'data');
  }
}
