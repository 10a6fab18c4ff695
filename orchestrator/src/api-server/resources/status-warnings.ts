import type { AnyObject } from '../resource-definition.ts';
import { ipWarnings } from './ip-warnings.ts';

interface Address {
  readonly ip?: string;
}

const balanced = ({ loadBalancer }: Status) => addressesOf(loadBalancer?.ingress, 'loadBalancer.ingress', '');

interface Status {
  readonly loadBalancer?: { readonly ingress?: readonly Address[] };
  readonly podIPs?: readonly Address[];
  readonly hostIPs?: readonly Address[];
}

/** Which addresses of a status are looked at (the status strategies' WarningsOnUpdate). */
const addresses: Readonly<Record<string, (status: Status) => string[]>> = {
  Ingress: balanced,
  Pod: ({ podIPs, hostIPs }) => [...addressesOf(podIPs, 'podIPs', '.ip'), ...addressesOf(hostIPs, 'hostIPs', '.ip')],
  Service: balanced,
};

function addressesOf(list: readonly Address[] | undefined, name: string, field: string): string[] {
  return (list ?? []).flatMap(({ ip }, i) => (ip ? ipWarnings(ip, `status.${name}[${i}]${field}`) : []));
}

/** What whoever writes a status is warned of. */
export function statusWarnings(kind: string, { status }: AnyObject): string[] {
  return addresses[kind]?.(status ?? {}) ?? [];
}
