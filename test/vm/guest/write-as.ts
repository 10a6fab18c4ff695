import { spawnSync } from 'node:child_process';

/** Writes a file until it has the size, as a user without any capability. @returns the errno that stopped it, or undefined. */
export function writeAsUser(file: string, bytes: number): string | undefined {
  // libuv has no name for EDQUOT.
  const program = `
    const { openSync, writeSync, fsyncSync } = require('node:fs');
    try {
      const fd = openSync(process.argv[1], 'a');
      const chunk = Buffer.alloc(65536, 7);
      for (let left = Number(process.argv[2]); left > 0; left -= chunk.length) writeSync(fd, chunk, 0, Math.min(left, chunk.length));
      fsyncSync(fd);
    } catch (error) { process.stdout.write(error.errno === -122 ? 'EDQUOT' : error.code); }`;
  const options = { uid: 1000, gid: 1000, encoding: 'utf8' } as const;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', program, file, String(bytes)], options);
  if (status !== 0) throw new Error(`the writer failed: ${stderr}`);
  return stdout === '' ? undefined : stdout;
}
