import type { Clock, Logger } from '@berth/kit';
import { linuxMounter, unmountAside } from '@berth/linux';
import type { FileSystem, NodeId } from './file-system.ts';
import { KernelDevice } from './server/fuse-device.ts';
import { FuseServer } from './server/fuse-server.ts';
import { isDying } from './server/is-dying.ts';
import type { ServerLimits } from './server/negotiate.ts';
import { leastBufferBytes, pageBytes } from './wire/protocol.ts';
import { invalidateAttributes } from './wire/replies.ts';

/** The kernel's memory of what it was told. */
export interface KernelCache {
  /** Has it ask for the node's attributes again. */
  forgetAttributes(node: NodeId): void;
}

export interface MountFuseOptions {
  /** An existing directory; as `/proc/self/fd/N` it is never looked up by name again. */
  readonly target: string;
  /** As mount tables show it. */
  readonly source: string;
  /** Behind `fuse.` in mount tables. */
  readonly subtype: string;
  /** Of mount(2): `ro`, `nosuid`, … */
  readonly flags?: readonly string[];
  readonly fileSystem: (kernel: KernelCache) => FileSystem;
  readonly limits?: Partial<ServerLimits>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface FuseMount {
  /** Resolves when the mount is gone, for whatever reason, and the file system is disposed. */
  readonly ended: Promise<void>;
  /** Takes the mount away at once: programs that use it get ENOTCONN. `path` is where it is. */
  stop(path: string): Promise<void>;
}

const defaults: ServerLimits = { maxWriteBytes: 1 << 20, maxReadaheadBytes: 1 << 20, maxBackground: 64 };

/**
 * Mounts a file system that this process serves, and resolves when it can be used. The kernel checks permissions by
 * mode bits before it asks, for every user; the file system may be stricter. This process must never use the mount itself.
 * @throws KernelError – the target can't be mounted on.
 */
export async function mountFuse(options: MountFuseOptions): Promise<FuseMount> {
  const { target, source, subtype, clock, log } = options;
  const limits = { ...defaults, ...options.limits };
  const device = new KernelDevice(Math.max(leastBufferBytes, limits.maxWriteBytes + pageBytes));
  const kernel: KernelCache = {
    forgetAttributes: (node) => {
      device.send([invalidateAttributes(node)]);
    },
  };
  const fileSystem = options.fileSystem(kernel);
  const server = new FuseServer({ device, fileSystem, limits, clock, log, isDying });
  try {
    const own = [`fd=${device.fd}`, 'rootmode=40000', 'user_id=0', 'group_id=0', 'allow_other', 'default_permissions'];
    linuxMounter.mount({ fsType: `fuse.${subtype}`, source, target, options: [...(options.flags ?? []), ...own] });
  } catch (error) {
    device[Symbol.dispose]();
    await fileSystem[Symbol.asyncDispose]();
    throw error;
  }
  let stopping: Promise<void> | undefined;
  const ended = server.run().finally(async () => {
    // The kernel cuts the connection before it takes a mount out of the table.
    await stopping?.catch(() => undefined);
    await fileSystem[Symbol.asyncDispose]();
    device[Symbol.dispose]();
  });
  ended.catch(() => undefined);
  await server.ready;
  const stop = (path: string) => {
    stopping = unmountAside(path, { lazy: true, force: true });
    return stopping;
  };
  return { ended, stop };
}
