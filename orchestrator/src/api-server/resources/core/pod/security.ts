import type { AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { duplicate, forbidden, invalid, notSupported, required } from '../../field.ts';
import { shownForm } from '../../internal-form.ts';
import { inRange } from '../../names.ts';
import { descendingPath } from '../../paths.ts';
import { validateWindowsOptions } from './windows.ts';

const largestId = 2 ** 31 - 1;
const profileTypes = ['Localhost', 'RuntimeDefault', 'Unconfined'];

function idErrors(id: number | undefined, field: string): FieldError[] {
  return id === undefined ? [] : inRange(id, 0, largestId).map((text) => invalid(field, id, text));
}

export function validateSecurityContext(
  context: SecurityContext | undefined,
  field: string,
  hostUsers: boolean,
): FieldError[] {
  if (!context) return [];
  return [
    ...idErrors(context.runAsUser, `${field}.runAsUser`),
    ...idErrors(context.runAsGroup, `${field}.runAsGroup`),
    ...procMountErrors(context.procMount, `${field}.procMount`, hostUsers),
    ...seccompErrors(context.seccompProfile, `${field}.seccompProfile`),
    ...escalationErrors(context, field),
    ...validateWindowsOptions(context.windowsOptions, `${field}.windowsOptions`),
    ...appArmorErrors(context.appArmorProfile, `${field}.appArmorProfile`),
  ];
}

function procMountErrors(procMount: string | undefined, field: string, hostUsers: boolean): FieldError[] {
  if (procMount === undefined) return [];
  return [
    ...(procMount === 'Default' || procMount === 'Unmasked'
      ? []
      : [notSupported(field, procMount, ['Default', 'Unmasked'])]),
    ...(hostUsers && procMount === 'Unmasked'
      ? [invalid(field, procMount, '`hostUsers` must be false to use `Unmasked`')]
      : []),
  ];
}

function escalationErrors(context: SecurityContext, field: string): FieldError[] {
  if (context.allowPrivilegeEscalation !== false) return [];
  const none = (what: string) =>
    invalid(
      field,
      shownForm('SecurityContext', context),
      `cannot set \`allowPrivilegeEscalation\` to false and ${what}`,
    );
  return [
    ...(context.privileged ? [none('`privileged` to true')] : []),
    ...(context.capabilities?.add ?? [])
      .filter((name) => name === 'CAP_SYS_ADMIN')
      .map(() => none('`capabilities.Add` CAP_SYS_ADMIN')),
  ];
}

function seccompErrors(profile: SeccompProfile | undefined, field: string): FieldError[] {
  if (!profile) return [];
  return [
    ...profileTypeErrors(profile.type, field, 'seccompProfile'),
    ...(profile.type === 'Localhost'
      ? profile.localhostProfile === undefined
        ? [required(`${field}.localhostProfile`, 'must be set when seccomp type is Localhost')]
        : descendingPath(profile.localhostProfile, `${field}.localhostProfile`)
      : profile.localhostProfile === undefined
        ? []
        : [
            invalid(
              `${field}.localhostProfile`,
              shownForm('SeccompProfile', profile),
              'can only be set when seccomp type is Localhost',
            ),
          ]),
  ];
}

function profileTypeErrors(type: string | undefined, field: string, name: string): FieldError[] {
  if (!type) return [required(`${field}.type`, `type is required when ${name} is set`)];
  return profileTypes.includes(type) ? [] : [notSupported(`${field}.type`, type, profileTypes)];
}

function appArmorErrors(profile: AppArmorProfile | undefined, field: string): FieldError[] {
  if (!profile) return [];
  const path = `${field}.localhostProfile`;
  const { type, localhostProfile: name } = profile;
  if (type !== 'Localhost') {
    const known = profileTypeErrors(type, field, 'appArmorProfile');
    if (known.length > 0 || name === undefined) return known;
    return [invalid(path, name, 'can only be set when AppArmor type is Localhost')];
  }
  if (!name?.trim()) return [required(path, 'must be set when AppArmor type is Localhost')];
  return name === name.trim() ? [] : [invalid(path, name, 'must not be padded with whitespace')];
}

/** The pod's own security context (validatePodSpecSecurityContext). `old`: of the pod that is updated. */
export function validatePodSecurityContext(spec: PodSpec, field: string, old: PodSpec | undefined): FieldError[] {
  const context = spec.securityContext;
  const shared = spec.shareProcessNamespace && spec.hostPID;
  return [
    ...idErrors(context?.fsGroup, `${field}.fsGroup`),
    ...idErrors(context?.runAsUser, `${field}.runAsUser`),
    ...idErrors(context?.runAsGroup, `${field}.runAsGroup`),
    ...(context?.supplementalGroups ?? []).flatMap((id, index) =>
      idErrors(id, `${field}.supplementalGroups[${index}]`),
    ),
    ...(shared
      ? [invalid(`${field}.shareProcessNamespace`, true, 'ShareProcessNamespace and HostPID cannot both be enabled')]
      : []),
    ...(context ? sysctlErrors(spec, context, `${field}.sysctls`) : []),
    ...oneOf(context?.fsGroupChangePolicy, ['Always', 'OnRootMismatch'], `${field}.fsGroupChangePolicy`),
    ...seccompErrors(context?.seccompProfile, `${field}.seccompProfile`),
    ...validateWindowsOptions(context?.windowsOptions, `${field}.windowsOptions`),
    ...appArmorErrors(context?.appArmorProfile, `${field}.appArmorProfile`),
    ...oneOf(context?.supplementalGroupsPolicy, ['Merge', 'Strict'], `${field}.supplementalGroupsPolicy`),
    // MountOption needs the feature SELinuxMount, which is off; who has a policy may keep it.
    ...oneOf(
      context?.seLinuxChangePolicy,
      old?.securityContext?.seLinuxChangePolicy === undefined ? ['Recursive'] : ['MountOption', 'Recursive'],
      `${field}.seLinuxChangePolicy`,
    ),
  ];
}

function oneOf(value: string | undefined, supported: readonly string[], field: string): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

const sysctlFormat = '^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$';
const ipcSysctls = /^(kernel[./](shm|msg|sem)|fs[./]mqueue[./])/;

function sysctlErrors(spec: PodSpec, { sysctls = [] }: PodSecurityContext, list: string): FieldError[] {
  const seen = new Set<string>();
  return sysctls.flatMap(({ name = '' }, index) => {
    const field = `${list}[${index}].name`;
    const errors = [
      ...sysctlNameErrors(name, field, seen),
      ...(spec.hostNetwork && /^net[./]/.test(name)
        ? [invalid(field, name, "may not be specified when 'hostNetwork' is true")]
        : []),
      ...(spec.hostIPC && ipcSysctls.test(name)
        ? [invalid(field, name, "may not be specified when 'hostIPC' is true")]
        : []),
    ];
    seen.add(name);
    return errors;
  });
}

function sysctlNameErrors(name: string, field: string, seen: ReadonlySet<string>): FieldError[] {
  if (name === '') return [required(field)];
  if (name.length > 253 || !new RegExp(sysctlFormat).test(name))
    return [invalid(field, name, `must have at most 253 characters and match regex ${sysctlFormat}`)];
  return seen.has(name) ? [duplicate(field, name)] : [];
}

/** A pod with a user namespace of its own can't share the host's other namespaces (validateHostUsers). */
export function validateHostUsers(spec: PodSpec, field: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const text = 'when `hostUsers` is false';
  const devices = (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).flatMap((container, index) =>
      container.volumeDevices?.length ? [forbidden(`${field}.${list}[${index}].volumeDevices`, text)] : [],
    ),
  );
  return [
    ...(spec.hostNetwork ? [forbidden(`${field}.hostNetwork`, text)] : []),
    ...(spec.hostPID ? [forbidden(`${field}.HostPID`, text)] : []),
    ...(spec.hostIPC ? [forbidden(`${field}.HostIPC`, text)] : []),
    ...devices,
  ];
}

const allOrNone = 'If pod contains any hostProcess containers then all containers must be HostProcess containers';

/** Processes of a Windows host are a pod's alone, and in the host's network (validateWindowsHostProcessPod). */
export function validateHostProcesses(spec: PodSpec, field: string): FieldError[] {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const all = (['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
    (spec[list] ?? []).map(({ securityContext }, index) => ({
      path: `${field}.${list}[${index}].securityContext.windowsOptions.hostProcess`,
      own: securityContext?.windowsOptions?.hostProcess,
    })),
  );
  const count = all.filter(({ own }) => own ?? ofPod).length;
  return [
    ...all.flatMap(({ path, own }) =>
      ofPod === undefined || own === undefined || own === ofPod
        ? []
        : [invalid(path, own, `pod hostProcess value must be identical if both are specified, was ${ofPod}`)],
    ),
    ...(count > 0 && count < all.length ? [invalid(field, '', allOrNone)] : []),
    ...(count > 0 && !spec.hostNetwork
      ? [invalid(`${field}.hostNetwork`, false, 'hostNetwork must be true if pod contains any hostProcess containers')]
      : []),
  ];
}
