import { createHash } from 'node:crypto';
import { join } from 'node:path';

/** Names outside the state directory that belong to it: derived from its path, so that they are found again without any record. */
export interface RuntimeIdentity {
  readonly tag: string;
  /** At most 15 characters (IFNAMSIZ). */
  readonly bridge: string;
  /** Absolute in every cgroup hierarchy; all cgroups of this runtime are below it. */
  readonly cgroupRoot: string;
}

export function runtimeIdentity(stateDir: string): RuntimeIdentity {
  const tag = createHash('sha256').update(stateDir).digest('hex').slice(0, 8);
  return { tag, bridge: `berth${tag}`, cgroupRoot: `/berth-${tag}` };
}

/** Where things are in a runtime's state directory. */
export class StateLayout {
  readonly stateDir: string;
  readonly identity: RuntimeIdentity;

  constructor(stateDir: string) {
    this.stateDir = stateDir;
    this.identity = runtimeIdentity(stateDir);
  }

  get sandboxes(): string {
    return join(this.stateDir, 'sandboxes');
  }

  get containers(): string {
    return join(this.stateDir, 'containers');
  }

  /** conmon writes a container's exit code here, in a file named by its id. */
  get exits(): string {
    return join(this.stateDir, 'exits');
  }

  /** The OCI runtime's own `--root`. */
  get ociRoot(): string {
    return join(this.stateDir, 'oci');
  }

  get boot(): string {
    return join(this.stateDir, 'boot.json');
  }

  sandbox(id: string): string {
    return join(this.sandboxes, id);
  }

  /** A pinned namespace: a bind mount of /proc/…/ns/`kind`. */
  namespace(sandboxId: string, kind: 'net' | 'ipc' | 'uts' | 'pid'): string {
    return join(this.sandbox(sandboxId), 'ns', kind);
  }

  shm(sandboxId: string): string {
    return join(this.sandbox(sandboxId), 'shm');
  }

  /** The bundle of a container, which is conmon's working directory too. */
  container(id: string): string {
    return join(this.containers, id);
  }

  rootfs(id: string): string {
    return join(this.container(id), 'rootfs');
  }

  /** What overlay writes to for a container. */
  containerLayer(id: string): { readonly upper: string; readonly work: string } {
    return { upper: join(this.container(id), 'upper'), work: join(this.container(id), 'work') };
  }

  exit(id: string): string {
    return join(this.exits, id);
  }

  /** The cgroup of a pod: always below this runtime's root, so that nothing can be left behind unfound. */
  cgroupParent(wanted: string, podUid: string): string {
    const root = this.identity.cgroupRoot;
    if (wanted === '') return `${root}/pod${podUid}`;
    return wanted === root || wanted.startsWith(`${root}/`) ? wanted : `${root}/${wanted.replace(/^\/+/, '')}`;
  }
}
