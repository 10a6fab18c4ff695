/** Serves a file system in memory at a directory, until it is unmounted: `serve-memory.ts DIR [VALID_MS]`. SIGUSR2 has it tell what is open. */
import { silentLogger, systemClock } from '@berth/kit';
import { mountFuse } from '../../fuse/src/mount-fuse.ts';
import { MemoryFileSystem } from '../../fuse/src/testing/memory-file-system.ts';

const [target = '', validMs = '1000'] = process.argv.slice(2);
const fileSystem = new MemoryFileSystem(systemClock);
fileSystem.validMs = Number(validMs);
const mount = await mountFuse({
  target,
  source: 'memory',
  subtype: 'berth-memory',
  fileSystem: () => fileSystem,
  clock: systemClock,
  log: silentLogger,
});
// What the kernel did not give back, or has left open.
const tell = () =>
  process.stdout.write(`${JSON.stringify({ open: fileSystem.open_.size, isDisposed: fileSystem.isDisposed })}\n`);
process.on('SIGUSR2', tell);
process.stdout.write('ready\n');
await mount.ended;
tell();
