import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@berth/kit';
import { linuxMounter, lockHolder, openRoot } from '@berth/linux';
import { FuseShareMounter } from '../../csi-driver/src/backend/nfs/fuse-share-mounter.ts';
import type { NfsLocation } from '../../csi-driver/src/backend/nfs/nfs-location.ts';
import { parseNfsOptions } from '../../csi-driver/src/backend/nfs/nfs-options.ts';
import { driverProgram } from './driver-process.ts';

const self = [process.execPath, '--disable-warning=ExperimentalWarning', driverProgram];

export interface FuseShare extends AsyncDisposable {
  /** Where the share shows. */
  readonly path: string;
  readonly mounter: FuseShareMounter;
  /** The process that serves it. */
  pid(): number | undefined;
  log(): string;
  isMounted(): boolean;
  /** Mounts it again, as a driver does that finds it dead. */
  mount(): Promise<void>;
  unmount(force?: boolean): Promise<void>;
}

/** Mounts a directory of an NFS server through FUSE, as the driver does. Disposing leaves nothing of it. */
export async function mountShare(
  location: NfsLocation,
  mountFlags: readonly string[] = [],
  folder = mkdtempSync(join(tmpdir(), 'berth-fuse-share-')),
): Promise<FuseShare> {
  const path = join(folder, 'mount');
  const lock = join(folder, 'state', 'k.lock');
  mkdirSync(path, { recursive: true });
  const tools = { self, mounter: linuxMounter, clock: systemClock, log: silentLogger };
  const mounter = new FuseShareMounter({ folder: join(folder, 'state'), ...tools });
  const signal = () => AbortSignal.timeout(60_000);
  const share: FuseShare = {
    path,
    mounter,
    pid: () => lockHolder(lock),
    log: () => readFileSync(join(folder, 'state', 'k.log'), 'utf8'),
    isMounted: () => linuxMounter.mounts().some(({ mountPoint }) => mountPoint === path),
    mount: async () => {
      using target = openRoot(path);
      const options = parseNfsOptions(mountFlags);
      await mounter.mount(
        { key: 'k', location, options, flags: { readOnly: mountFlags.includes('ro'), flags: [] }, target },
        signal(),
      );
    },
    unmount: async (force = false) => {
      await mounter.unmount({ key: 'k', path, force }, signal());
    },
    [Symbol.asyncDispose]: async () => {
      if (share.isMounted()) await share.unmount(true);
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await share.mount();
    return share;
  } catch (error) {
    await share[Symbol.asyncDispose]();
    throw error;
  }
}
