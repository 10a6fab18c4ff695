import type { Pod, PodSpec } from '@berth/kube';
import { goQuote } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { forbidden, invalid } from '../../field.ts';
import { descendingPath } from '../../paths.ts';

type Annotations = Readonly<Record<string, string>>;

const mirror = 'kubernetes.io/config.mirror';
const deletionCost = 'controller.kubernetes.io/pod-deletion-cost';
export const appArmor = 'container.apparmor.security.beta.kubernetes.io/';
export const seccompPod = 'seccomp.security.alpha.kubernetes.io/pod';
export const seccompContainer = 'container.seccomp.security.alpha.kubernetes.io/';

/** Annotations of pods and templates that mean something (ValidatePodSpecificAnnotations). */
export function podAnnotationErrors(annotations: Annotations = {}, spec: PodSpec, field: string): FieldError[] {
  const entries = Object.entries(annotations);
  if (entries.length === 0) return [];
  const value = annotations[mirror];
  const cost = annotations[deletionCost];
  return [
    ...(value !== undefined && !spec.nodeName
      ? [invalid(`${field}[${mirror}]`, value, 'must set spec.nodeName if mirror pod annotation is set')]
      : []),
    ...(cost === undefined || isInt32(cost)
      ? []
      : [invalid(`${field}[${deletionCost}]`, cost, 'must be a 32bit integer')]),
    ...entries.flatMap(([key, profile]) =>
      key === seccompPod || key.startsWith(seccompContainer) ? seccompErrors(profile, `${field}.${key}`) : [],
    ),
    ...entries.flatMap(([key, profile]) =>
      key.startsWith(appArmor)
        ? appArmorErrors(profile, { name: key.slice(appArmor.length), spec, field: `${field}[${key}]` })
        : [],
    ),
  ];
}

/** As strconv.ParseInt reads it, without plus and leading zeros. */
function isInt32(text: string): boolean {
  if (!/^(0|-\d+|[1-9]\d*)$/.test(text)) return false;
  const value = BigInt(text);
  return value >= -(2n ** 31n) && value < 2n ** 31n;
}

function seccompErrors(profile: string, field: string): FieldError[] {
  if (['runtime/default', 'docker/default', 'unconfined'].includes(profile)) return [];
  if (profile.startsWith('localhost/')) return descendingPath(profile.slice('localhost/'.length), field);
  return [invalid(field, profile, 'must be a valid seccomp profile')];
}

function appArmorErrors(
  profile: string,
  { name, spec, field }: { readonly name: string; readonly spec: PodSpec; readonly field: string },
): FieldError[] {
  const containers = [spec.initContainers, spec.containers, spec.ephemeralContainers].flatMap((list) => list ?? []);
  const known = ['', 'runtime/default', 'unconfined'].includes(profile) || profile.startsWith('localhost/');
  return [
    ...(containers.some((container) => container.name === name) ? [] : [invalid(field, name, 'container not found')]),
    ...(known ? [] : [invalid(field, profile, `invalid AppArmor profile name: ${goQuote(profile)}`)]),
  ];
}

/** What a pod was started with stays so (ValidatePodSpecificAnnotationUpdates). */
export function changedAnnotationErrors(next: Pod, old: Pod): FieldError[] {
  const field = 'metadata.annotations';
  const now = next.metadata.annotations ?? {};
  const before = old.metadata.annotations ?? {};
  const what = (key: string) =>
    key.startsWith(appArmor) ? 'AppArmor annotations' : key === mirror ? 'mirror pod annotation' : undefined;
  const complain = (keys: readonly string[], verb: string) =>
    keys.flatMap((key) => (what(key) ? [forbidden(`${field}[${key}]`, `may not ${verb} ${what(key)}`)] : []));
  return [
    ...complain(
      Object.keys(before).filter((key) => now[key] !== before[key]),
      'remove or update',
    ),
    ...complain(
      Object.keys(now).filter((key) => !(key in before)),
      'add',
    ),
    ...podAnnotationErrors(now, next.spec ?? { containers: [] }, field),
  ];
}
