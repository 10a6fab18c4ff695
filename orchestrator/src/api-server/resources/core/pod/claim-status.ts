import type { PodSpec, PodStatus } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { duplicate, invalid, required } from '../../field.ts';
import { dns1123Label, dns1123Subdomain } from '../../names.ts';

/** What a pod's status says of claims for devices agrees with its spec. */
export function claimStatusErrors(status: PodStatus, spec: PodSpec): FieldError[] {
  return [...claimErrors(status, spec), ...extendedErrors(status, spec)];
}

function claimErrors({ resourceClaimStatuses = [] }: PodStatus, { resourceClaims = [] }: PodSpec): FieldError[] {
  const names = new Set<string>();
  return resourceClaimStatuses.flatMap(({ name, resourceClaimName }, index) => {
    const field = `status.resourceClaimStatuses[${index}]`;
    const repeated = names.has(name);
    names.add(name);
    return [
      ...(resourceClaims.some((claim) => claim.name === name)
        ? []
        : [invalid(`${field}.name`, name, 'must match the name of an entry in `spec.resourceClaims`')]),
      ...(repeated ? [duplicate(`${field}.name`, name)] : []),
      ...(resourceClaimName === undefined ? [] : nameErrors(resourceClaimName, `${field}.resourceClaimName`)),
    ];
  });
}

function nameErrors(name: string, field: string): FieldError[] {
  return dns1123Subdomain(name).map((text) => invalid(field, name, text));
}

/** A claim that stands for extended resources says which request of whose it fulfils. */
function extendedErrors({ extendedResourceClaimStatus: extended }: PodStatus, spec: PodSpec): FieldError[] {
  if (!extended) return [];
  const field = 'status.extendedResourceClaimStatus';
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const lists = 'spec.initContainers.resources.requests or spec.containers.resources.requests';
  const seen = new Set<string>();
  const { requestMappings: mappings = [], resourceClaimName: claim = '' } = extended;
  return [
    ...(mappings.length === 0
      ? [required(`${field}.requestMappings`, 'at least one request mapping is required')]
      : []),
    ...mappings.flatMap(({ containerName, resourceName, requestName }, index) => {
      const path = `${field}.requestMappings[${index}]`;
      const container = containers.find(({ name }) => name === containerName);
      const key = JSON.stringify([containerName, resourceName, requestName]);
      const repeated = seen.has(key);
      seen.add(key);
      return [
        ...(container
          ? container.resources?.requests?.[resourceName] === undefined
            ? [
                invalid(
                  `${path}.resourceName`,
                  resourceName,
                  `must match the extended resource name of an entry in ${lists}`,
                ),
              ]
            : []
          : [
              invalid(
                `${path}.containerName`,
                containerName,
                'must match the name of an entry in spec.initContainers.name or spec.containers.name',
              ),
            ]),
        ...dns1123Label(requestName).map((text) => invalid(`${field}.requestName`, requestName, text)),
        ...(repeated
          ? [
              duplicate(`${path}.containerName`, containerName),
              duplicate(`${path}.resourceName`, resourceName),
              duplicate(`${path}.requestName`, requestName),
            ]
          : []),
      ];
    }),
    ...(claim === '' ? [required(`${field}.resourceClaimName`)] : nameErrors(claim, `${field}.resourceClaimName`)),
  ];
}
