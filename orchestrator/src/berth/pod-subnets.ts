import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { writeFileDurably } from '@berth/kit';

/** `10.N.0.0/16` of a data directory, from which each node gets a /24; chosen once, where nothing else on this machine is. */
export async function podNetwork(
  dataDir: string,
): Promise<{ readonly clusterCidr: string; readonly subnet: (node: number) => string }> {
  const file = join(dataDir, 'network.json');
  const known = await readFile(file, 'utf8').catch(() => undefined);
  const octet = known ? (JSON.parse(known) as { octet: number }).octet : chooseOctet(dataDir);
  if (!known) await writeFileDurably(file, `${JSON.stringify({ octet })}\n`, 0o644);
  return { clusterCidr: `10.${octet}.0.0/16`, subnet: (node) => `10.${octet}.${node}.0/24` };
}

/** 10.96 to 10.111 are the services'. */
function chooseOctet(dataDir: string): number {
  const taken = new Set(
    Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).flatMap(({ address }) => (address.startsWith('10.') ? [Number(address.split('.')[1])] : [])),
    ),
  );
  const start = createHash('sha256').update(dataDir).digest().readUInt16BE();
  const candidates = Array.from({ length: 128 }, (_, i) => 112 + ((start + i) % 128));
  return candidates.find((octet) => !taken.has(octet)) ?? 112;
}
