import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import { freshDisk } from './disks.ts';

/** linux/nfsd/export.h: any port, no squashing of root, no checks of the tree above, the number 0 for file handles. */
const exportFlags = 0x2 | 0x400 | 0x2000;
const forEver = 0x7fffffff;

export interface KernelNfsServer {
  /** What it exports, on its own disk. */
  readonly root: string;
  readonly host: string;
  /** The export, as clients of version 4 name it. */
  readonly share: string;
  /** Lets no call through, as a server that is away; its address stays silent. */
  silence(): void;
  answer(): void;
}

/**
 * The kernel's own NFS server, version 4 to 4.2, exporting one directory of this guest. What mountd(8) would answer it is
 * written into its caches before it asks.
 */
function startKernelNfs(root: string): KernelNfsServer {
  execFileSync('modprobe', ['nfsd']);
  mkdirSync('/var/lib/nfs/v4recovery', { recursive: true });
  linuxMounter.mount({ fsType: 'nfsd', source: 'nfsd', target: '/proc/fs/nfsd' });
  const set = (name: string, text: string) => writeFileSync(`/proc/fs/nfsd/${name}`, `${text}\n`);
  const answer = (cache: string, text: string) => writeFileSync(`/proc/net/rpc/${cache}/channel`, `${text}\n`);
  answer('auth.unix.ip', `nfsd 127.0.0.1 ${forEver} guest`);
  answer('nfsd.export', `guest ${root} ${forEver} ${exportFlags} 65534 65534 0`);
  answer('nfsd.fh', `guest 1 \\x00000000 ${forEver} ${root}`);
  set('versions', '-2 -3 +4 +4.1 +4.2');
  // Clients of an earlier server do not exist; nobody is to be waited for.
  set('nfsv4leasetime', '10');
  set('nfsv4gracetime', '10');
  set('threads', '4');
  set('v4_end_grace', 'Y');
  return {
    root,
    host: '127.0.0.1',
    share: '/',
    silence: () => execFileSync('ip', ['link', 'set', 'lo', 'down']),
    answer: () => execFileSync('ip', ['link', 'set', 'lo', 'up']),
  };
}

let running: KernelNfsServer | undefined;

/** One server for all cases, until the guest is off: the kernel keeps an export busy long after its server ended. */
export function runningKernelNfs(): KernelNfsServer {
  if (running) return running;
  const root = join(freshDisk('ext4', [], '/mnt/nfs', '/dev/vde').path, 'export');
  mkdirSync(root, { mode: 0o777 });
  running = startKernelNfs(root);
  return running;
}
