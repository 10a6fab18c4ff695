import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

/** What iptables has that is Berth's: its chains and the jumps to them, as `table rule`. */
export function firewallLines(): string[] {
  const program = ['/usr/sbin/iptables-save', '/sbin/iptables-save'].find((path) => existsSync(path));
  if (!program) return [];
  let table = '';
  const found: string[] = [];
  for (const line of execFileSync(program, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')) {
    if (line.startsWith('*')) table = line.slice(1);
    else if (/\bBERTH-/.test(line)) found.push(`${table} ${line.replace(/ \[\d+:\d+\]$/, '')}`);
  }
  return found;
}
