import type { PodSpec, WindowsSecurityContextOptions } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { forbidden, invalid } from '../../field.ts';
import { dns1123Subdomain } from '../../names.ts';

/** Bytes of a credential spec (maxGMSACredentialSpecLengthInKiB). */
const longestSpecKiB = 64;
const longestDomain = 256;
const longestUser = 104;

const control = /[\x00-\x1f\x7f]/;
const netBios = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const dnsLabel = '[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const dnsName = new RegExp(`^${dnsLabel}(?:\\.${dnsLabel})*$`);

/** Who a Windows container's processes are (validateWindowsSecurityContextOptions). */
export function validateWindowsOptions(
  options: WindowsSecurityContextOptions | undefined,
  field: string,
): FieldError[] {
  if (!options) return [];
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: spec, runAsUserName: user } = options;
  const nameErrors = name === undefined ? [] : dns1123Subdomain(name);
  return [
    ...nameErrors.map((text) => invalid(`${field}.gmsaCredentialSpecName`, name, text)),
    ...specTexts(spec).map((text) => invalid(`${field}.gmsaCredentialSpec`, spec, text)),
    ...(user === undefined ? [] : userTexts(user)).map((text) => invalid(`${field}.runAsUserName`, user, text)),
  ];
}

function specTexts(spec: string | undefined): string[] {
  if (spec === '') return ['gmsaCredentialSpec cannot be an empty string'];
  return Buffer.byteLength(spec ?? '') > longestSpecKiB * 1024
    ? [`gmsaCredentialSpec size must be under ${longestSpecKiB} KiB`]
    : [];
}

function userTexts(name: string): string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  if (control.test(name)) return ['runAsUserName cannot contain control characters'];
  const parts = name.split('\\');
  if (parts.length > 2) return ['runAsUserName cannot contain more than one backslash'];
  const user = parts.at(-1) as string;
  const domain = parts.length > 1 ? parts[0] : undefined;
  const told: readonly (readonly [boolean, string])[] = [
    [
      Buffer.byteLength(domain ?? '') >= longestDomain,
      `runAsUserName's Domain length must be under ${longestDomain} characters`,
    ],
    [
      domain !== undefined && !netBios.test(domain) && !dnsName.test(domain),
      "runAsUserName's Domain doesn't match the NetBios nor the DNS format",
    ],
    [user === '', "runAsUserName's User cannot be empty"],
    [
      Buffer.byteLength(user) > longestUser,
      `runAsUserName's User length must not be longer than ${longestUser} characters`,
    ],
    [/^[. ]+$/.test(user), "runAsUserName's User cannot contain only periods or spaces"],
    [
      /["/\\:;|=,+*?<>@[\]]/.test(user),
      'runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]',
    ],
  ];
  return told.filter(([isSo]) => isSo).map(([, text]) => text);
}

/** Fields of a pod and its security context that Windows has nothing like, in upstream's order: where each is, and what it is called. */
const ofPods = [
  ...['securityContext.appArmorProfile', 'securityContext.seLinuxOptions', 'hostUsers', 'hostPID', 'hostIPC'],
  ...['securityContext.seccompProfile', 'securityContext.fsGroup', 'securityContext.fsGroupChangePolicy'],
  ...['securityContext.sysctls', 'shareProcessNamespace', 'securityContext.runAsUser', 'securityContext.runAsGroup'],
  ...['securityContext.supplementalGroups', 'securityContext.supplementalGroupsPolicy'],
  'securityContext.seLinuxChangePolicy',
] as const;

const ofContainers = [
  ...(['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'capabilities', 'readOnlyRootFilesystem'] as const),
  ...(['privileged', 'allowPrivilegeEscalation', 'procMount', 'runAsUser', 'runAsGroup'] as const),
];

/** What Linux alone has is no Windows pod's (validateWindows). */
export function validateWindowsPod(spec: PodSpec, field: string): FieldError[] {
  const none = (path: string) => forbidden(path, 'cannot be set for a windows pod');
  const context: Readonly<Record<string, unknown>> = { ...spec.securityContext };
  const isSet = (path: (typeof ofPods)[number]): boolean => {
    if (path === 'hostPID' || path === 'hostIPC') return spec[path] === true;
    if (path === 'hostUsers' || path === 'shareProcessNamespace') return spec[path] !== undefined;
    const value = context[path.slice('securityContext.'.length)];
    return path === 'securityContext.sysctls' ? ((value as unknown[]) ?? []).length > 0 : value !== undefined;
  };
  return [
    ...ofPods.filter(isSet).map((path) => none(`${field}.${path}`)),
    ...(['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
      (spec[list] ?? []).flatMap(({ securityContext = {} }, index) =>
        ofContainers
          .filter((name) => securityContext[name] !== undefined)
          .map((name) => none(`${field}.${list}[${index}].securityContext.${name}`)),
      ),
    ),
  ];
}
