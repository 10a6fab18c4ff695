import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { assertSegment } from '@berth/linux';

/** `kubernetes.io/csi` as a directory name (upstream utilstrings.EscapeQualifiedName). */
function escapePluginName(name: string): string {
  return name.replace('/', '~');
}

export function unescapePluginName(name: string): string {
  return name.replace('~', '/');
}

/** A name of the API as one step of a path. @throws RangeError – it would lead elsewhere. */
function step(name: string): string {
  assertSegment(name);
  return name;
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
    return join(this.pods, step(uid));
  }

  podVolumes(uid: string): string {
    return join(this.podDir(uid), 'volumes');
  }

  podVolume(uid: string, plugin: string, specName: string): string {
    return join(this.podVolumes(uid), escapePluginName(plugin), step(specName));
  }

  /** Where a plugin keeps its own notes about a pod's volume. */
  podPlugin(uid: string, plugin: string, specName: string): string {
    return join(this.podPlugins(uid), escapePluginName(plugin), step(specName));
  }

  podPlugins(uid: string): string {
    return join(this.podDir(uid), 'plugins');
  }

  podDevices(uid: string): string {
    return join(this.podDir(uid), 'volumeDevices');
  }

  podDevice(uid: string, plugin: string, specName: string): string {
    return join(this.podDevices(uid), escapePluginName(plugin), step(specName));
  }

  subPaths(uid: string): string {
    return join(this.podDir(uid), 'volume-subpaths');
  }

  get csiPlugins(): string {
    return join(this.root, 'plugins/kubernetes.io/csi');
  }

  /** The directory of a staged filesystem volume; `globalmount` and `vol_data.json` are in it. */
  csiDevice(driver: string, handle: string): string {
    return join(this.csiPlugins, step(driver), createHash('sha256').update(handle).digest('hex'));
  }

  csiStaging(driver: string, handle: string): string {
    return join(this.csiDevice(driver, handle), 'globalmount');
  }

  get csiBlock(): string {
    return join(this.csiPlugins, 'volumeDevices');
  }

  csiBlockStaging(specName: string): string {
    return join(this.csiBlock, 'staging', step(specName));
  }

  csiBlockPublish(specName: string, podUid: string): string {
    return join(this.csiBlock, 'publish', step(specName), step(podUid));
  }

  /** Holds `vol_data.json` of a block volume. */
  csiBlockData(specName: string): string {
    return join(this.csiBlock, step(specName), 'data');
  }
}
