import type { SELinuxOptions } from '@berth/kube';
import { type Check, type CheckPod, containersOf, distinct, named, plural, quoted, settersOf } from './check.ts';

const appArmorAnnotation = 'container.apparmor.security.beta.kubernetes.io/';

const appArmor: CheckPod = (pod) => {
  const isBad = (type: string | undefined) => type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost';
  const own = pod.spec.securityContext?.appArmorProfile?.type;
  const bad = containersOf(pod).flatMap(({ name, securityContext }) => {
    const type = securityContext?.appArmorProfile?.type;
    return isBad(type) ? [{ name, type: type as string }] : [];
  });
  const annotations = Object.entries(pod.annotations)
    .filter(([key, value]) => key.startsWith(appArmorAnnotation) && !/^($|runtime\/default$|localhost\/)/.test(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const bads = bad.map(({ name }) => name);
  const setters = [settersOf(isBad(own), bads), annotations.length > 0 ? plural('annotation', annotations) : '']
    .filter((text) => text !== '')
    .join(' and ');
  if (setters === '') return undefined;
  const types = distinct([...(isBad(own) ? [own as string] : []), ...bad.map(({ type }) => type)]);
  const values = [...types, ...annotations];
  return {
    reason: plural('forbidden AppArmor profile', values),
    detail: `${setters} must not set AppArmor profile type to ${quoted(values)}`,
  };
};

export const appArmorProfile: Check = { id: 'appArmorProfile', versions: [{ since: 0, check: appArmor }] };

const seLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

function seLinux(types: readonly string[]): CheckPod {
  const badType = ({ type = '' }: SELinuxOptions) => !types.includes(type);
  const isBad = (options: SELinuxOptions) => badType(options) || Boolean(options.user) || Boolean(options.role);
  return (pod) => {
    const own = pod.spec.securityContext?.seLinuxOptions;
    const podOptions = own && isBad(own) ? [own] : [];
    const bad = containersOf(pod).flatMap(({ name, securityContext }) => {
      const options = securityContext?.seLinuxOptions;
      return options && isBad(options) ? [{ name, options }] : [];
    });
    const setters = settersOf(
      podOptions.length > 0,
      bad.map(({ name }) => name),
    );
    if (setters === '') return undefined;
    const all = [...podOptions, ...bad.map(({ options }) => options)];
    const wrong = distinct(all.filter(badType).map(({ type = '' }) => type));
    const data = [
      ...(wrong.length > 0 ? [named('type', wrong)] : []),
      ...(all.some(({ user }) => user) ? ['user may not be set'] : []),
      ...(all.some(({ role }) => role) ? ['role may not be set'] : []),
    ];
    const detail = `${setters} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}`;
    return { reason: 'seLinuxOptions', detail };
  };
}

export const seLinuxOptions: Check = {
  id: 'seLinuxOptions',
  versions: [
    { since: 0, check: seLinux(seLinuxTypes) },
    { since: 31, check: seLinux([...seLinuxTypes, 'container_engine_t']) },
  ],
};
