import type { Service } from '@berth/kube';
import { type AdmissionPlugin, isResource } from './admission.ts';
import { refused } from './refused.ts';

/** A Service takes no external address that it had not before (admission DenyServiceExternalIPs). */
export const denyServiceExternalIps: AdmissionPlugin = (request) => {
  const { operation, object, old } = request;
  if ((operation !== 'create' && operation !== 'update') || !isResource(request, '', 'services')) return;
  const had = (old as Service | undefined)?.spec?.externalIPs ?? [];
  const wanted = (object as Service).spec?.externalIPs ?? [];
  if (wanted.some((ip) => !had.includes(ip)))
    throw refused(request, 'Use of external IPs is denied by admission control');
};
