import type { AppArmorProfile, Pod, PodSpec, SeccompProfile } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { forbidden } from '../../field.ts';
import { appArmor, seccompContainer, seccompPod } from './annotations.ts';

interface Match {
  readonly annotation: string | undefined;
  readonly profile: SeccompProfile | AppArmorProfile | undefined;
  readonly field: string;
  readonly name: 'seccomp' | 'apparmor';
}

/** How annotations say what a field says with a type. */
const said: Readonly<Record<string, readonly string[]>> = {
  Unconfined: ['unconfined'],
  RuntimeDefault: ['runtime/default'],
};
const local = 'localhost/';

/**
 * Who says in a new pod's annotations how it is confined, and in its fields, says the same in both
 * (validateSeccompAnnotationsAndFields, validateAppArmorAnnotationsAndFieldsMatchOnCreate).
 */
export function profileMatchErrors({ metadata, spec = { containers: [] } }: Pod): FieldError[] {
  const { annotations = {} } = metadata;
  if (Object.keys(annotations).length === 0) return [];
  const ofPod = { annotation: annotations[seccompPod], profile: spec.securityContext?.seccompProfile };
  return [
    ...matchErrors({ ...ofPod, field: 'spec.securityContext.seccompProfile', name: 'seccomp' }),
    ...eachContainer(spec).flatMap(({ name, securityContext, field }) =>
      matchErrors({
        annotation: annotations[`${seccompContainer}${name}`],
        profile: securityContext?.seccompProfile,
        field: `${field}.securityContext.seccompProfile`,
        name: 'seccomp',
      }),
    ),
    ...(spec.os?.name === 'windows' ? [] : eachContainer(spec)).flatMap(({ name, securityContext, field }) =>
      matchErrors({
        annotation: annotations[`${appArmor}${name}`],
        profile: securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile,
        field: `${field}.securityContext.appArmorProfile`,
        name: 'apparmor',
      }),
    ),
  ];
}

function eachContainer(spec: PodSpec) {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map(({ name, securityContext }, i) => ({ name, securityContext, field: `spec.${list}[${i}]` })),
  );
}

function matchErrors({ annotation, profile, field, name }: Match): FieldError[] {
  if (annotation === undefined || !profile) return [];
  const differs = [forbidden(`${field}.type`, `${name} type in annotation and field must match`)];
  if (profile.type !== 'Localhost') {
    const words = said[profile.type];
    const isDocker = name === 'seccomp' && profile.type === 'RuntimeDefault' && annotation === 'docker/default';
    return words && !words.includes(annotation) && !isDocker ? differs : [];
  }
  if (!annotation.startsWith(local)) return differs;
  return annotation.slice(local.length) === profile.localhostProfile
    ? []
    : [forbidden(`${field}.localhostProfile`, `${name} profile in annotation and field must match`)];
}
