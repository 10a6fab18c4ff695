import type { Volume } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { duplicate, invalid, required } from '../../field.ts';
import { dns1123Label } from '../../names.ts';
import { validateVolumeSource } from './volume-sources.ts';

export interface CheckedVolumes {
  /** Volumes that mounts may name: the ones without errors. */
  readonly usable: ReadonlyMap<string, Volume>;
  readonly errors: readonly FieldError[];
}

/** Names and sources of a pod's volumes (ValidateVolumes); `podName` is empty in templates. */
export function validateVolumes(volumes: readonly Volume[], field: string, podName: string): CheckedVolumes {
  const usable = new Map<string, Volume>();
  const errors: FieldError[] = [];
  const madeClaims = new Set(
    podName === '' ? [] : volumes.filter(({ ephemeral }) => ephemeral).map(({ name }) => `${podName}-${name}`),
  );
  for (const [index, volume] of volumes.entries()) {
    const path = `${field}[${index}]`;
    const own = [
      ...validateVolumeSource(volume, path, podName),
      ...nameErrors(volume.name, `${path}.name`),
      ...(usable.has(volume.name) ? [duplicate(`${path}.name`, volume.name)] : []),
    ];
    if (own.length === 0) usable.set(volume.name, volume);
    errors.push(...own);
    const claim = volume.persistentVolumeClaim?.claimName ?? '';
    if (madeClaims.has(claim))
      errors.push(
        invalid(
          `${path}.persistentVolumeClaim.claimName`,
          claim,
          'must not reference a PVC that gets created for an ephemeral volume',
        ),
      );
  }
  return { usable, errors };
}

function nameErrors(name: string, field: string): FieldError[] {
  return name ? dns1123Label(name).map((text) => invalid(field, name, text)) : [required(field)];
}
