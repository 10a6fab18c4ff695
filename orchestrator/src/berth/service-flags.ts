import type { Command } from 'commander';
import type { ServiceRanges } from '../api-server/admission/service-allocation.ts';
import { rangeOf } from '../api-server/resources/ip-form.ts';
import { AddressRange } from '../api-server/service-ips/address-range.ts';
import { defaultServices } from '../api-server/service-ips/default-services.ts';
import { BerthError } from './berth-error.ts';

export interface ServiceFlags {
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: string;
}

const { first, count } = defaultServices.nodePorts;
const defaults = { addresses: defaultServices.cidrs.join(), ports: `${first}-${first + count - 1}` } as const;

/** kube-apiserver's flags about what Services are given. */
export function addServiceFlags(command: Command): Command {
  return command
    .optionsGroup('What Services are given:')
    .option(
      '--service-cluster-ip-range <cidrs>',
      'where their addresses are of: a range, or two, one of IPv4 and one of IPv6, the usual one first',
      defaults.addresses,
    )
    .option(
      '--service-node-port-range <range>',
      'which node ports they may have, both ends among them',
      defaults.ports,
    );
}

/** @throws BerthError Usage – in kube-apiserver's words. */
export function servicesOf(flags: ServiceFlags): ServiceRanges {
  return { cidrs: cidrsOf(flags.serviceClusterIpRange), nodePorts: portsOf(flags.serviceNodePortRange) };
}

/** getServiceIPAndRanges, validateClusterIPFlags: of its upper limits of size none is left in 1.35. */
function cidrsOf(text: string): ServiceRanges['cidrs'] {
  const [first = '', ...others] = (text || defaults.addresses).split(',');
  const refuse = (why: string) =>
    new BerthError('Usage', why, {
      hint: `such as ${defaults.addresses}, or of both families: ${defaults.addresses},fd00:10:96::/112`,
    });
  if (!rangeOf(first)) throw refuse('service-cluster-ip-range[0] is not a valid cidr');
  const primary = new AddressRange(first);
  if (primary.size < 8n) {
    const what = 'error determining service IP ranges for primary service cidr';
    throw refuse(`${what}: the service cluster IP range must be at least 8 IP addresses`);
  }
  const [second] = others;
  if (second === undefined) return [primary.cidr];
  if (!rangeOf(second)) throw refuse('service-cluster-ip-range[1] is not an ip net');
  if (others.length > 1) throw refuse('--service-cluster-ip-range must not contain more than two entries');
  const secondary = new AddressRange(second);
  if (primary.family === secondary.family) {
    const both = '--service-cluster-ip-range[0] and --service-cluster-ip-range[1]';
    throw refuse(`${both} must be of different IP family`);
  }
  return [primary.cidr, secondary.cidr];
}

const lastPort = 65_535;

/** `30000`, `30000-32767` or `30000+2767` (apimachinery PortRange.Set). */
function portsOf(given: string): ServiceRanges['nodePorts'] {
  const text = given.trim() || defaults.ports;
  const refuse = (why: string) =>
    new BerthError('Usage', `invalid argument ${JSON.stringify(given)} for "--service-node-port-range" flag: ${why}`);
  const number = (part: string) => {
    if (/^[+-]?\d+$/.test(part)) return Number(part);
    throw refuse(`strconv.Atoi: parsing ${JSON.stringify(part)}: invalid syntax`);
  };
  const sign = /[-+]/.exec(text);
  const isBoth = text.includes('-') && text.includes('+');
  if (isBoth) throw refuse(`unable to parse port range: ${text}`);
  const first = number(sign ? text.slice(0, sign.index) : text);
  const second = sign ? number(text.slice(sign.index + 1)) : first;
  const last = sign?.[0] === '+' ? first + second : second;
  if (first > lastPort || last > lastPort) throw refuse(`the port range cannot be greater than ${lastPort}: ${text}`);
  if (last < first) throw refuse(`end port cannot be less than start port: ${text}`);
  return { first, count: 1 + last - first };
}
