import type { AppArmorProfile, Pod } from '@berth/kube';
import { semanticEqual } from '../../equality.ts';
import { appArmor } from './annotations.ts';

/** The older way to confine a container becomes its field, which the runtime reads (pod strategy applyAppArmorVersionSkew). */
export function fieldsOfAppArmor({ metadata, spec }: Pod, warn: (text: string) => void): void {
  const { annotations = {} } = metadata;
  if (!spec || spec.os?.name === 'windows') return;
  for (const container of [spec.initContainers, spec.containers, spec.ephemeralContainers].flatMap(
    (list) => list ?? [],
  )) {
    const key = `${appArmor}${container.name}`;
    const annotation = annotations[key];
    if (annotation === undefined || container.securityContext?.appArmorProfile) continue;
    const profile = profileOf(annotation);
    const isPods = profile !== undefined && semanticEqual(profile, spec.securityContext?.appArmorProfile);
    if (profile && !isPods) container.securityContext = { ...container.securityContext, appArmorProfile: profile };
    if (!isPods) warn(`metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`);
  }
}

function profileOf(annotation: string): AppArmorProfile | undefined {
  if (annotation === 'unconfined') return { type: 'Unconfined' };
  if (annotation === 'runtime/default') return { type: 'RuntimeDefault' };
  const [, localhostProfile] = /^localhost\/(\S(?:.*\S)?)$/s.exec(annotation) ?? [];
  if (localhostProfile === undefined || localhostProfile.length > longestName) return undefined;
  return { type: 'Localhost', localhostProfile };
}

/** Of a profile's file (ValidateAppArmorProfileField). */
const longestName = 4095;
