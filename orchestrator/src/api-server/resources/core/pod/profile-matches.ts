import type { AppArmorProfile, ObjectMeta, PodSpec, SeccompProfile } from '@berth/kube';
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
 * Who says in the annotations of a new pod, or of a template, how it is confined, and in its fields, says the same in both
 * (validateSeccompAnnotationsAndFields, validateAppArmorAnnotationsAndFieldsMatchOnCreate).
 */
export function profileMatchErrors(
  annotations: ObjectMeta['annotations'] = {},
  spec: PodSpec,
  field: string,
): FieldError[] {
  if (Object.keys(annotations).length === 0) return [];
  const containers = eachContainer(spec, field);
  const ofPod = { annotation: annotations[seccompPod], profile: spec.securityContext?.seccompProfile };
  return [
    ...matchErrors({ ...ofPod, field: `${field}.securityContext.seccompProfile`, name: 'seccomp' }),
    ...containers.flatMap(({ name, securityContext, path }) =>
      matchErrors({
        annotation: annotations[`${seccompContainer}${name}`],
        profile: securityContext?.seccompProfile,
        field: `${path}.securityContext.seccompProfile`,
        name: 'seccomp',
      }),
    ),
    ...(spec.os?.name === 'windows' ? [] : containers).flatMap(({ name, securityContext, path }) =>
      matchErrors({
        annotation: annotations[`${appArmor}${name}`],
        profile: securityContext?.appArmorProfile ?? spec.securityContext?.appArmorProfile,
        field: `${path}.securityContext.appArmorProfile`,
        name: 'apparmor',
      }),
    ),
  ];
}

function eachContainer(spec: PodSpec, field: string) {
  return (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map(({ name, securityContext }, i) => ({
      name,
      securityContext,
      path: `${field}.${list}[${i}]`,
    })),
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
