import type { PodDNSConfig, PodSpec, PodTemplateSpec } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { duplicate, forbidden, invalid, notSupported, required, tooLong } from '../../field.ts';
import { shownForm } from '../../internal-form.ts';
import { validateIp } from '../../ip.ts';
import { validateLabels } from '../../label-selector.ts';
import { validateAnnotations } from '../../metadata.ts';
import { dns1123Label, dns1123Subdomain, inRange, qualifiedName, subdomainWithUnderscore } from '../../names.ts';
import { podAnnotationErrors } from './annotations.ts';
import { validateContainers, validateEphemeralContainers, validateInitContainers } from './containers.ts';
import { validatePodResources } from './pod-resources.ts';
import { profileMatchErrors } from './profile-matches.ts';
import { validateResources } from './resource-requirements.ts';
import {
  validateAffinity,
  validateFileKeyVolumes,
  validateSpreadConstraints,
  validateTolerations,
} from './scheduling.ts';
import { validateHostProcesses, validateHostUsers, validatePodSecurityContext } from './security.ts';
import { validateVolumes } from './volumes.ts';
import { validateWindowsPod } from './windows.ts';

/** The pod a spec is of; templates are of none. */
export interface PodOwner {
  readonly podName: string;
  readonly isPod: boolean;
  /** What a pod's update replaces. */
  readonly old?: PodSpec | undefined;
}

const template: PodOwner = { podName: '', isPod: false };

/** A pod's spec, in upstream's order (ValidatePodSpec). */
export function validatePodSpec(spec: PodSpec, field: string, owner: PodOwner = template): FieldError[] {
  const { usable, errors } = validateVolumes(spec.volumes ?? [], `${field}.volumes`, owner.podName);
  const claimNames = new Set((spec.resourceClaims ?? []).flatMap(({ name }) => name || []));
  const context = { spec, volumes: usable, claimNames };
  return [
    ...(spec.terminationGracePeriodSeconds === undefined ? [required(`${field}.terminationGracePeriodSeconds`)] : []),
    ...errors,
    ...resourceClaimErrors(spec, `${field}.resourceClaims`),
    ...validateContainers(context, `${field}.containers`),
    ...validateInitContainers(context, `${field}.initContainers`),
    ...validateEphemeralContainers(context, `${field}.ephemeralContainers`),
    ...validatePodResources(spec, `${field}.resources`, claimNames),
    ...hostNetworkErrors(spec, field, owner.isPod),
    ...oneOf(spec.restartPolicy, ['Always', 'OnFailure', 'Never'], `${field}.restartPolicy`),
    ...oneOf(spec.dnsPolicy, ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'], `${field}.dnsPolicy`),
    ...validateLabels(spec.nodeSelector, `${field}.nodeSelector`),
    ...validatePodSecurityContext(spec, `${field}.securityContext`, owner.old),
    ...validateAffinity(spec.affinity, `${field}.affinity`),
    ...dnsConfigErrors(spec.dnsConfig, spec.dnsPolicy, `${field}.dnsConfig`),
    ...gateErrors(spec, field),
    ...validateSpreadConstraints(spec.topologySpreadConstraints ?? [], `${field}.topologySpreadConstraints`),
    ...validateHostProcesses(spec, field),
    ...validateHostUsers(spec, field),
    ...namedErrors(spec, field),
    ...restErrors(spec, field),
    ...validateFileKeyVolumes(spec, field),
  ];
}

function oneOf(value: string | undefined, supported: readonly string[], field: string): FieldError[] {
  if (!value) return [required(field)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

function resourceClaimErrors({ resourceClaims = [] }: PodSpec, list: string): FieldError[] {
  const seen = new Set<string>();
  return resourceClaims.flatMap((claim, index) => {
    const field = `${list}[${index}]`;
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    const repeated = seen.has(name);
    seen.add(name);
    const both = 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified';
    const none = 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`';
    return [
      ...(name ? [] : [required(`${field}.name`)]),
      ...(name && repeated ? [duplicate(`${field}.name`, name)] : []),
      ...(name && !repeated ? dns1123Label(name).map((text) => invalid(`${field}.name`, name, text)) : []),
      ...(resourceClaimName !== undefined && resourceClaimTemplateName !== undefined
        ? [invalid(field, shownForm('PodResourceClaim', claim), both)]
        : []),
      ...(resourceClaimName === undefined && resourceClaimTemplateName === undefined
        ? [invalid(field, shownForm('PodResourceClaim', claim), none)]
        : []),
      ...(['resourceClaimName', 'resourceClaimTemplateName'] as const).flatMap((each) =>
        claim[each] === undefined ? [] : givenNameErrors(claim[each], `${field}.${each}`),
      ),
    ];
  });
}

/** On the host's network, a container's port is the host's port (validatePodHostNetworkDeps). */
function hostNetworkErrors({ hostNetwork, containers = [] }: PodSpec, field: string, isPod: boolean): FieldError[] {
  if (!hostNetwork) return [];
  return containers.flatMap(({ ports = [] }, container) =>
    ports.flatMap(({ hostPort = 0, containerPort }, index) =>
      (isPod || hostPort !== 0) && hostPort !== containerPort
        ? [
            invalid(
              `${field}.containers[${container}].ports[${index}].hostPort`,
              hostPort,
              'must match `containerPort` when `hostNetwork` is true',
            ),
          ]
        : [],
    ),
  );
}

function dnsConfigErrors(config: PodDNSConfig | undefined, policy: string | undefined, field: string): FieldError[] {
  if (policy === 'None' && !config) return [required(field, 'must provide `dnsConfig` when `dnsPolicy` is None')];
  const { nameservers = [], searches = [], options = [] } = config ?? {};
  if (policy === 'None' && nameservers.length === 0)
    return [required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None')];
  const list = 'must not have more than';
  return [
    ...(nameservers.length > 3 ? [invalid(`${field}.nameservers`, nameservers, `${list} 3 nameservers`)] : []),
    ...nameservers.flatMap((address, index) => validateIp(address, `${field}.nameservers[${index}]`)),
    ...(searches.length > 32 ? [invalid(`${field}.searches`, searches, `${list} 32 search paths`)] : []),
    ...(searches.join(' ').length > 2048
      ? [invalid(`${field}.searches`, searches, `${list} 2048 characters (including spaces) in the search list`)]
      : []),
    ...searches.flatMap((search, index) => {
      const name = search === '.' ? undefined : search.replace(/\.$/, '');
      if (name === undefined) return [];
      return subdomainWithUnderscore(name).map((text) => invalid(`${field}.searches[${index}]`, name, text));
    }),
    ...options.flatMap(({ name }, index) =>
      name ? [] : [required(`${field}.options[${index}]`, 'must not be empty')],
    ),
  ];
}

function gateErrors({ readinessGates = [], schedulingGates = [] }: PodSpec, field: string): FieldError[] {
  const seen = new Set<string>();
  return [
    ...readinessGates.flatMap(({ conditionType: type }, index) =>
      qualifiedName(type).map((text) => invalid(`${field}.readinessGates[${index}].conditionType`, type, text)),
    ),
    ...schedulingGates.flatMap(({ name }, index) => {
      const path = `${field}.schedulingGates[${index}]`;
      const repeated = seen.has(name);
      seen.add(name);
      return [
        ...qualifiedName(name).map((text) => invalid(path, name, text)),
        ...(repeated ? [duplicate(path, name)] : []),
      ];
    }),
  ];
}

function namedErrors(spec: PodSpec, field: string): FieldError[] {
  const seconds = spec.activeDeadlineSeconds;
  return [
    ...hostnameOverrideErrors(spec, `${field}.hostnameOverride`),
    ...subdomainErrors(spec.serviceAccountName, `${field}.serviceAccountName`),
    ...subdomainErrors(spec.nodeName, `${field}.nodeName`),
    ...(seconds === undefined
      ? []
      : inRange(seconds, 1, 2 ** 31 - 1).map((text) => invalid(`${field}.activeDeadlineSeconds`, seconds, text))),
    ...labelErrors(spec.hostname, `${field}.hostname`),
    ...labelErrors(spec.subdomain, `${field}.subdomain`),
  ];
}

function hostnameOverrideErrors(spec: PodSpec, field: string): FieldError[] {
  const name = spec.hostnameOverride;
  if (name === undefined) return [];
  return [
    ...(spec.setHostnameAsFQDN ? [forbidden(field, 'may not be specified when setHostnameAsFQDN is true')] : []),
    ...(spec.hostNetwork ? [forbidden(field, 'may not be specified when hostNetwork is true')] : []),
    ...(Buffer.byteLength(name) > 64 ? [tooLong(field, 64)] : []),
    ...dns1123Subdomain(name).map((text) => invalid(field, name, text)),
  ];
}

function restErrors(spec: PodSpec, field: string): FieldError[] {
  return [
    ...validateTolerations(spec.tolerations ?? [], `${field}.tolerations`),
    ...(spec.hostAliases ?? []).flatMap(({ ip = '', hostnames = [] }, index) => [
      ...validateIp(ip, `${field}.hostAliases[${index}].ip`),
      ...hostnames.flatMap((name, at) => givenNameErrors(name, `${field}.hostAliases[${index}].hostnames[${at}]`)),
    ]),
    ...subdomainErrors(spec.priorityClassName, `${field}.priorityClassName`),
    ...(spec.runtimeClassName === undefined ? [] : givenNameErrors(spec.runtimeClassName, `${field}.runtimeClassName`)),
    ...(spec.preemptionPolicy === undefined
      ? []
      : oneOf(spec.preemptionPolicy, ['PreemptLowerPriority', 'Never'], `${field}.preemptionPolicy`)),
    ...(spec.overhead
      ? validateResources({ limits: spec.overhead }, `${field}.overhead`, { claimNames: new Set() })
      : []),
    ...osErrors(spec, field),
  ];
}

/** An unknown system is told of the whole of `os`; what is one system's is not the other's. */
function osErrors(spec: PodSpec, field: string): FieldError[] {
  const { os } = spec;
  if (!os) return [];
  if (!os.name) return [required(`${field}.os.name`)];
  if (os.name === 'windows') return validateWindowsPod(spec, field);
  if (os.name !== 'linux') return [notSupported(`${field}.os`, os.name, ['linux', 'windows'])];
  const none = (context: { windowsOptions?: object } | undefined, path: string) =>
    context?.windowsOptions
      ? [forbidden(`${path}.securityContext.windowsOptions`, 'windows options cannot be set for a linux pod')]
      : [];
  return [
    ...none(spec.securityContext, field),
    ...(['initContainers', 'containers', 'ephemeralContainers'] as const).flatMap((list) =>
      (spec[list] ?? []).flatMap(({ securityContext }, index) => none(securityContext, `${field}.${list}[${index}]`)),
    ),
  ];
}

function givenNameErrors(name: string, field: string): FieldError[] {
  return dns1123Subdomain(name).map((text) => invalid(field, name, text));
}

function subdomainErrors(name: string | undefined, field: string): FieldError[] {
  return name ? givenNameErrors(name, field) : [];
}

function labelErrors(name: string | undefined, field: string): FieldError[] {
  return name ? dns1123Label(name).map((text) => invalid(field, name, text)) : [];
}

/** A pod template: metadata that pods will get, and the spec (ValidatePodTemplateSpec). */
export function validatePodTemplate(template: PodTemplateSpec, field: string): FieldError[] {
  const { metadata = {}, spec = { containers: [] } } = template;
  return [
    ...validateLabels(metadata.labels, `${field}.labels`),
    ...validateAnnotations(metadata.annotations, `${field}.annotations`),
    ...podAnnotationErrors(metadata.annotations, spec, `${field}.annotations`),
    ...validatePodSpec(spec, `${field}.spec`),
    ...profileMatchErrors(metadata.annotations, spec, `${field}.spec`),
    ...(spec.ephemeralContainers?.length
      ? [forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template')]
      : []),
  ];
}
