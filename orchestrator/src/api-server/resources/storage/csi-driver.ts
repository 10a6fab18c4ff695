import type { CSIDriver, CSIDriverSpec, StorageV1TokenRequest } from '@berth/kube';
import type { AnyObject, FieldError } from '../../resource-definition.ts';
import { duplicate, invalid, notSupported, required } from '../field.ts';
import { immutable } from '../metadata.ts';
import type { KindRules } from '../rules.ts';

/** CSIDrivers: apis/storage/validation, v1/defaults.go; the spec's generation starts at its first change. */
export const csiDriverRules: KindRules = {
  generation: { initial: false, of: ({ spec }) => spec },
  cells: {
    AttachRequired: ({ spec }) => spec?.attachRequired ?? true,
    PodInfoOnMount: ({ spec }) => spec?.podInfoOnMount ?? false,
    StorageCapacity: ({ spec }) => spec?.storageCapacity ?? false,
    TokenRequests: ({ spec }) =>
      spec?.tokenRequests?.map(({ audience }: StorageV1TokenRequest) => audience).join(',') ?? '<unset>',
    RequiresRepublish: ({ spec }) => spec?.requiresRepublish ?? false,
    Modes: ({ spec }) => spec?.volumeLifecycleModes?.join(',') || '<none>',
  },
  rules: {
    default: (object) => defaultSpec((object as CSIDriver).spec),
    validate: (object) => validateSpec((object as CSIDriver).spec),
    validateUpdate: (next: AnyObject, old: AnyObject) => [
      // The misspelt path is upstream's.
      ...immutable(next['spec'].attachRequired, old['spec'].attachRequired, 'spec.attachedRequired'),
      ...immutable(next['spec'].volumeLifecycleModes, old['spec'].volumeLifecycleModes, 'spec.volumeLifecycleModes'),
    ],
  },
};

function defaultSpec(spec: CSIDriverSpec): void {
  spec.attachRequired ??= true;
  spec.podInfoOnMount ??= false;
  spec.storageCapacity ??= false;
  spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
  if (!spec.volumeLifecycleModes?.length) spec.volumeLifecycleModes = ['Persistent'];
  spec.requiresRepublish ??= false;
  spec.seLinuxMount ??= false;
}

const groupPolicies = ['File', 'None', 'ReadWriteOnceWithFSType'];

function validateSpec(spec: CSIDriverSpec): FieldError[] {
  const { fsGroupPolicy, tokenRequests = [], volumeLifecycleModes = [] } = spec;
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  return [
    ...(fsGroupPolicy === undefined || groupPolicies.includes(fsGroupPolicy)
      ? []
      : [notSupported('spec.fsGroupPolicy', fsGroupPolicy, groupPolicies)]),
    ...tokenErrors(tokenRequests),
    ...volumeLifecycleModes.flatMap((mode) =>
      ['Persistent', 'Ephemeral'].includes(mode)
        ? []
        : [notSupported('spec.volumeLifecycleModes', mode, ['Persistent', 'Ephemeral'])],
    ),
    ...(period !== undefined && period < 10
      ? [invalid('spec.nodeAllocatableUpdatePeriodSeconds', period, 'must be greater than or equal to 10 seconds')]
      : []),
    ...(spec.serviceAccountTokenInSecrets !== undefined && tokenRequests.length === 0
      ? [
          invalid(
            'spec.serviceAccountTokenInSecrets',
            spec.serviceAccountTokenInSecrets,
            'serviceAccountTokenInSecrets is set but no tokenRequests are specified',
          ),
        ]
      : []),
    ...(spec.attachRequired === undefined ? [required('spec.attachedRequired')] : []),
  ];
}

function tokenErrors(requests: readonly StorageV1TokenRequest[]): FieldError[] {
  const audiences = new Set<string>();
  return requests.flatMap(({ audience, expirationSeconds: seconds }, index) => {
    const field = `spec.tokenRequests[${index}]`;
    if (audiences.has(audience)) return [duplicate(`${field}.audience`, audience)];
    audiences.add(audience);
    if (seconds === undefined) return [];
    const path = `${field}.expirationSeconds`;
    return [
      ...(seconds < 600 ? [invalid(path, seconds, 'may not specify a duration less than 10 minutes')] : []),
      ...(seconds > 2 ** 32 ? [invalid(path, seconds, 'may not specify a duration larger than 2^32 seconds')] : []),
    ];
  });
}
