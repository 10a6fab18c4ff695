import type { FileSystem } from '@berth/fuse';
import { deadline } from '@berth/kit';
import { DirectoryOperations } from './directory-operations.ts';
import { FileOperations } from './file-operations.ts';
import { OpenFiles } from './open-files.ts';
import { Share, type ShareOptions } from './share.ts';
import { TreeOperations } from './tree-operations.ts';

/** What a server that does not answer may hold up the end. */
const farewellMs = 5000;

/** A directory of an NFS server as a file system. Its client is the caller's to dispose, after it. */
export function nfsFileSystem(options: ShareOptions): FileSystem {
  const share = new Share(options);
  const open = new OpenFiles(share);
  const tree = new TreeOperations(share, open);
  const files = new FileOperations(share, open);
  const directories = new DirectoryOperations(share);
  return {
    lookup: (...args) => tree.lookup(...args),
    forget: (...args) => tree.forget(...args),
    getattr: (...args) => tree.getattr(...args),
    readlink: (...args) => tree.readlink(...args),
    access: (...args) => tree.access(...args),
    statfs: (...args) => tree.statfs(...args),
    mknod: (...args) => tree.mknod(...args),
    mkdir: (...args) => tree.mkdir(...args),
    symlink: (...args) => tree.symlink(...args),
    link: (...args) => tree.link(...args),
    setattr: (...args) => tree.setattr(...args),
    unlink: (...args) => tree.unlink(...args),
    rmdir: (...args) => tree.rmdir(...args),
    rename: (...args) => tree.rename(...args),
    open: (...args) => files.open(...args),
    create: (...args) => files.create(...args),
    read: (...args) => files.read(...args),
    sent: (data) => files.sent(data),
    write: (...args) => files.write(...args),
    sync: (...args) => files.sync(...args),
    release: (...args) => files.release(...args),
    allocate: (...args) => files.allocate(...args),
    seek: (...args) => files.seek(...args),
    copy: (...args) => files.copy(...args),
    openDirectory: (node, caller) => directories.openDirectory(node, caller),
    readDirectory: (...args) => directories.readDirectory(...args),
    releaseDirectory: (...args) => directories.releaseDirectory(...args),
    [Symbol.asyncDispose]: async () => {
      using limit = deadline(options.clock, farewellMs);
      await open.releaseAll(limit.signal);
    },
  };
}
