import { rfc3339 } from '@berth/kit';
import type { APIService, APIServiceCondition, APIServiceSpec } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { invalid, notSupported, required } from '../field.ts';
import { dns1035Label, dns1123Subdomain, pathSegment, portNumber } from '../names.ts';
import type { KindRules } from '../rules.ts';

export const apiServiceRules: KindRules = {
  statusKeepsMetadata: true,
  cells: {
    Service: ({ spec }) => (spec?.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local'),
    Available: (object) => availability(object as APIService),
  },
  rules: {
    nameRule: 'pathSegment',
    default: (object) => {
      const service = (object as APIService).spec?.service;
      if (service) service.port ??= 443;
    },
    // What this server serves itself is there at once (apiservice strategy PrepareForCreate).
    prepareForCreate: (object, { now }) => {
      if (!object['spec']?.service) object.status = { conditions: [localCondition(now)] };
    },
    validate: (object) => validate(object as APIService),
    validateStatusUpdate: (object) => statusErrors(object as APIService),
  },
};

function localCondition(now: number): APIServiceCondition {
  const message = 'Local APIServices are always available';
  return { type: 'Available', status: 'True', lastTransitionTime: rfc3339(now), reason: 'Local', message };
}

const statuses = ['True', 'False', 'Unknown'];

function statusErrors({ status }: APIService): FieldError[] {
  return (status?.conditions ?? []).flatMap(({ status: value = '' }, index) =>
    statuses.includes(value) ? [] : [notSupported(`status.conditions[${index}].status`, value, statuses)],
  );
}

function validate({ metadata, spec }: APIService): FieldError[] {
  const { group = '', version = '', service, groupPriorityMinimum = 0, versionPriority = 0 } = spec ?? {};
  const name = `${version}.${group}`;
  const wrongName = 'must be `spec.version+"."+spec.group`';
  // What could be no name at all has been told.
  const isWrong = (given = '') => given !== '' && given !== name && pathSegment(given).length === 0;
  return [
    ...(['generateName', 'name'] as const).flatMap((field) =>
      isWrong(metadata[field])
        ? [invalid(`metadata.${field}`, metadata[field], `${wrongName}: ${JSON.stringify(name)}`)]
        : [],
    ),
    ...(group === '' && version !== 'v1'
      ? [required('spec.group', 'only v1 may have an empty group and it better be legacy kube')]
      : []),
    ...(group === '' ? [] : dns1123Subdomain(group).map((text) => invalid('spec.group', group, text))),
    ...dns1035Label(version).map((text) => invalid('spec.version', version, text)),
    ...limited(groupPriorityMinimum, 20_000, 'spec.groupPriorityMinimum'),
    ...limited(versionPriority, 1000, 'spec.versionPriority'),
    ...(service ? remoteErrors(spec as APIServiceSpec) : localErrors(spec)),
  ];
}

function limited(value: number, most: number, field: string): FieldError[] {
  return value > 0 && value <= most ? [] : [invalid(field, value, `must be positive and less than ${most}`)];
}

function localErrors({ caBundle, insecureSkipTLSVerify }: Partial<APIServiceSpec> = {}): FieldError[] {
  const bytes = `${Buffer.from(caBundle ?? '', 'base64').length} bytes`;
  return [
    ...(caBundle ? [invalid('spec.caBundle', bytes, 'local APIServices may not have a caBundle')] : []),
    ...(insecureSkipTLSVerify
      ? [invalid('spec.insecureSkipTLSVerify', true, 'local APIServices may not have insecureSkipTLSVerify')]
      : []),
  ];
}

function remoteErrors({ service, caBundle, insecureSkipTLSVerify }: APIServiceSpec): FieldError[] {
  const { namespace, name, port = 443 } = service ?? {};
  const wrongPort = portNumber(port);
  return [
    ...(namespace ? [] : [required('spec.service.namespace')]),
    ...(name ? [] : [required('spec.service.name')]),
    ...(wrongPort.length > 0 ? [invalid('spec.service.port', port, `port is not valid: ${wrongPort.join(', ')}`)] : []),
    ...(insecureSkipTLSVerify && caBundle
      ? [invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present')]
      : []),
  ];
}

/** `True`, or `False (Reason)` of the Available condition. */
function availability({ status }: APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === 'Available');
  if (!condition) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}
