import { homedir } from 'node:os';
import { join } from 'node:path';

/** What is kept between runs: the kernel and the guest's root filesystem. */
export function cacheFolder(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'berth', 'vm');
}
