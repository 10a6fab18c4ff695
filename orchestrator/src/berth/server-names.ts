import { hostname, networkInterfaces } from 'node:os';
import type { ServiceRanges } from '../api-server/admission/service-allocation.ts';
import { isOpenToOthers } from '../api-server/boot/advertise.ts';
import { type AddressFamily, familyOf } from '../api-server/resources/ip-form.ts';
import { AddressRange } from '../api-server/service-ips/address-range.ts';
import { BerthError } from './berth-error.ts';

/** The first address of a real interface that others reach: what pods and other machines know this one by. */
export function machineAddress(wanted: AddressFamily): string | undefined {
  return Object.entries(networkInterfaces())
    .filter(([name]) => !/^(lo|berth|veth|docker|br-)/.test(name))
    .flatMap(([, list]) =>
      (list ?? []).filter((each) => each.family === wanted && !each.internal && !isLinkLocal(each.address)),
    )[0]?.address;
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/.test(address);
}

/**
 * Where others reach a server that listens on `address`; undefined: nowhere. @throws BerthError Usage – in kube-apiserver's words, where
 * the `kubernetes` Service is of another family (validatePublicIPServiceClusterIPRangeIPFamilies).
 */
export function publicAddress(address: string, { cidrs: [cidr] }: ServiceRanges): string | undefined {
  const wanted = familyOf(cidr);
  // The usual range, which nobody asked for, is no reason to refuse a machine that has addresses of the other family alone.
  const found = machineAddress(wanted) ?? (wanted === 'IPv6' ? machineAddress('IPv4') : undefined);
  const advertised = isOpenToOthers(address) ? address : found;
  if (advertised === undefined || familyOf(advertised) === wanted) return advertised;
  throw new BerthError('Usage', `service IP family "${cidr}" must match public address family "${advertised}"`, {
    hint: 'have a range of that family first in --service-cluster-ip-range, or listen on an --address of the other one',
  });
}

/** What clients may call a server by that listens on `address`. */
export function serverNames(address: string, { cidrs: [cidr] }: ServiceRanges): readonly string[] {
  const names = [
    'localhost',
    '127.0.0.1',
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    new AddressRange(cidr).at(1n),
    hostname(),
    machineAddress('IPv4') ?? '127.0.0.1',
    address,
  ];
  const ofServices = machineAddress(familyOf(cidr));
  if (ofServices !== undefined) names.push(ofServices);
  return [...new Set(names.filter((name) => !isUnspecified(name)))];
}

/** What the clients of this machine call it by, in a URL: where it listens on all addresses, none of them is its own. */
export function localHost(address: string): string {
  if (isUnspecified(address)) return '127.0.0.1';
  return address.includes(':') ? `[${address}]` : address;
}

/** 0.0.0.0 and ::, however they are written. */
function isUnspecified(address: string): boolean {
  return /^[0.:]+$/.test(address);
}
