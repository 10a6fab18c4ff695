import type { APIService } from '@berth/kube';
import { forbidden, invalid, required } from '../field.ts';
import type { KindRules } from '../rules.ts';

export const apiServiceRules: KindRules = {
  cells: {
    Service: ({ spec }) => (spec?.service ? `${spec.service.namespace}/${spec.service.name}` : 'Local'),
    Available: (object) => availability(object as APIService),
  },
  rules: {
    default: (object) => {
      const service = (object as APIService).spec?.service;
      if (service) service.port ??= 443;
    },
    validate: (object) => {
      const { metadata, spec } = object as APIService;
      const { group = '', version = '', service, caBundle, insecureSkipTLSVerify } = spec ?? {};
      const name = `${version}.${group}`;
      return [
        ...(metadata.name === name
          ? []
          : [invalid('metadata.name', metadata.name ?? '', 'must be `spec.version+"."+spec.group`')]),
        ...(version ? [] : [required('spec.version')]),
        ...(!service && caBundle ? [forbidden('spec.caBundle', 'local APIServices may not have a caBundle')] : []),
        ...(!service && insecureSkipTLSVerify
          ? [forbidden('spec.insecureSkipTLSVerify', 'local APIServices may not have insecureSkipTLSVerify')]
          : []),
      ];
    },
  },
};

/** `True`, or `False (Reason)` of the Available condition. */
function availability({ status }: APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === 'Available');
  if (!condition) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}
