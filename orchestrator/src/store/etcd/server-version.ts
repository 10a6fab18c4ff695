import type { EtcdMember } from './etcd-client.ts';

/** The first releases whose answer to a progress request comes after all events before it (etcd issue 15220, upstream's feature check). */
const since: Readonly<Record<string, number>> = { '3.4': 31, '3.5': 13 };

/** Whether a member's answers to progress requests can be relied on. */
export async function answersProgress(member: EtcdMember, signal: AbortSignal): Promise<boolean> {
  const { version } = await member.maintenance.Status({}, { timeoutMs: 5_000, signal });
  return isSince(version);
}

export function isSince(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  const least = since[`${major}.${minor}`];
  return least === undefined ? major > 3 || (major === 3 && minor > 5) : patch >= least;
}
