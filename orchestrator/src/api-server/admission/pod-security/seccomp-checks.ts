import { ownMember } from '@berth/kit';
import { type Check, type CheckedPod, type CheckPod, containersOf, distinct, named, settersOf } from './check.ts';

const podAnnotation = 'seccomp.security.alpha.kubernetes.io/pod';
const containerAnnotation = 'container.seccomp.security.alpha.kubernetes.io/';
const reason = 'seccompProfile';

export const seccompBaseline: Check = {
  id: 'seccompProfile_baseline',
  versions: [
    { since: 0, check: annotations },
    { since: 19, check: fields },
  ],
};

export const seccompRestricted: Check = {
  id: 'seccompProfile_restricted',
  overrides: seccompBaseline.id,
  versions: [
    { since: 19, check: restricted },
    // Windows has none of it.
    { since: 25, check: (pod) => (pod.spec.os?.name === 'windows' ? undefined : restricted(pod)) },
  ],
};

function annotations(pod: CheckedPod): ReturnType<CheckPod> {
  const keys = [podAnnotation, ...containersOf(pod).map(({ name }) => `${containerAnnotation}${name}`)];
  const bad = keys.flatMap((key) => {
    const value = ownMember(pod.annotations, key);
    const fine = value === undefined || /^(runtime\/default$|docker\/default$|localhost\/)/.test(value);
    return fine ? [] : [`${key}=${JSON.stringify(value)}`];
  });
  const list = distinct(bad);
  if (list.length === 0) return undefined;
  return { reason, detail: `forbidden ${list.length === 1 ? 'annotation' : 'annotations'} ${list.join(', ')}` };
}

function fields(pod: CheckedPod): ReturnType<CheckPod> {
  const own = pod.spec.securityContext?.seccompProfile;
  const containers = containersOf(pod).flatMap(({ name, securityContext }) =>
    securityContext?.seccompProfile ? [{ name, type: securityContext.seccompProfile.type }] : [],
  );
  const bad = containers.filter(({ type }) => !isAllowed(type));
  const podIsBad = own !== undefined && !isAllowed(own.type);
  const setters = settersOf(
    podIsBad,
    bad.map(({ name }) => name),
  );
  if (setters === '') return undefined;
  const values = distinct([...(podIsBad ? [own.type] : []), ...bad.map(({ type }) => type)]);
  const list = values.map((value) => `"${value}"`).join(', ');
  return { reason, detail: `${setters} must not set securityContext.seccompProfile.type to ${list}` };
}

function restricted(pod: CheckedPod): ReturnType<CheckPod> {
  const wrong = fields(pod);
  if (wrong) return wrong;
  if (pod.spec.securityContext?.seccompProfile) return undefined;
  const silent = containersOf(pod).flatMap(({ name, securityContext }) =>
    securityContext?.seccompProfile ? [] : [name],
  );
  if (silent.length === 0) return undefined;
  const what = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"';
  return { reason, detail: `pod or ${named('container', silent)} ${what}` };
}

function isAllowed(type: string): boolean {
  return type === 'RuntimeDefault' || type === 'Localhost';
}
