import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { writeFileDurably } from '@berth/kit';
import { coversRange } from '../api-server/resources/ip-form.ts';
import { BerthError } from './berth-error.ts';

/**
 * `10.N.0.0/16` of a data directory, from which each node gets a /24; chosen once, where nothing else on this machine is.
 * @throws BerthError Failed – what was chosen cannot be read any more; Usage – services are to have addresses of it.
 */
export async function podNetwork(
  dataDir: string,
  serviceCidrs: readonly string[],
): Promise<{ readonly clusterCidr: string; readonly subnet: (node: number) => string }> {
  const file = join(dataDir, 'network.json');
  const known = await readFile(file, 'utf8').catch(() => undefined);
  const octet = known ? parseOctet(known) : chooseOctet(dataDir, serviceCidrs);
  if (octet === undefined) {
    throw new BerthError('Failed', `${file} is damaged: it does not tell which network the pods have`, {
      hint: `end the pods, which keep their volumes, and have a network chosen anew: berth down --data-dir ${dataDir} && rm ${file}`,
    });
  }
  const clusterCidr = cidrOf(octet);
  const overlapping = serviceCidrs.find((cidr) => overlaps(cidr, clusterCidr));
  if (overlapping !== undefined)
    throw new BerthError(
      'Usage',
      `--service-cluster-ip-range ${overlapping} has addresses of the pods' network, ${clusterCidr}`,
      {
        hint: known
          ? `have another range, or a network chosen anew: berth down --data-dir ${dataDir} && rm ${file}`
          : 'leave them one of 10.112.0.0/16 to 10.239.0.0/16',
      },
    );
  if (!known) await writeFileDurably(file, `${JSON.stringify({ octet })}\n`, 0o644);
  return { clusterCidr, subnet: (node) => `10.${octet}.${node}.0/24` };
}

function parseOctet(text: string): number | undefined {
  try {
    const { octet } = JSON.parse(text) as { octet?: unknown };
    return Number.isInteger(octet) && Number(octet) >= 0 && Number(octet) <= 255 ? Number(octet) : undefined;
  } catch {
    return undefined;
  }
}

function cidrOf(octet: number): string {
  return `10.${octet}.0.0/16`;
}

function overlaps(a: string, b: string): boolean {
  return coversRange(a, b) || coversRange(b, a);
}

/** 10.96 to 10.111 are the services' by themselves. */
function chooseOctet(dataDir: string, serviceCidrs: readonly string[]): number {
  const taken = new Set(
    Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).flatMap(({ address }) => (address.startsWith('10.') ? [Number(address.split('.')[1])] : [])),
    ),
  );
  const start = createHash('sha256').update(dataDir).digest().readUInt16BE();
  const candidates = Array.from({ length: 128 }, (_, i) => 112 + ((start + i) % 128));
  return (
    candidates.find((octet) => !taken.has(octet) && !serviceCidrs.some((cidr) => overlaps(cidr, cidrOf(octet)))) ?? 112
  );
}
