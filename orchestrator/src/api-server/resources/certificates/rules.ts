import type { CertificateSigningRequest } from '@berth/kube';
import type { AnyObject, FieldError, RequestContext } from '../../resource-definition.ts';
import { humanDuration } from '../columns.ts';
import { duplicate, invalid, notSupported, required } from '../field.ts';
import { immutable } from '../metadata.ts';
import type { KindRules } from '../rules.ts';
import { signerNameErrors } from '../signer-name.ts';
import { requestFault } from './request-signature.ts';
import { approvalUpdateErrors, prepareApproval, prepareStatus, statusErrors } from './signing-request-status.ts';

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];

export const signingRequestRules: KindRules = {
  cells: {
    SignerName: ({ spec }) => spec?.signerName || '<none>',
    Requestor: ({ spec }) => spec?.username ?? '',
    RequestedDuration: ({ spec }) =>
      spec?.expirationSeconds === undefined ? '<none>' : humanDuration(spec.expirationSeconds * 1000),
    Condition: (object) => condition(object as CertificateSigningRequest),
  },
  rules: {
    nameRule: 'any',
    // Who asks is not what the request says, but who sends it.
    prepareForCreate: (object: AnyObject, { user, groups, uid, extra = {} }: RequestContext) => {
      const { uid: _, extra: __, ...spec } = (object as CertificateSigningRequest).spec;
      object['spec'] = {
        ...spec,
        username: user,
        groups: [...groups],
        ...(uid ? { uid } : {}),
        ...(Object.keys(extra).length > 0 ? { extra: structuredClone(extra) } : {}),
      };
    },
    prepareForUpdate: (next, old) => {
      next['spec'] = structuredClone(old['spec']);
    },
    validate,
    validateUpdate: (next, old) => immutable(next['spec'], old['spec'], 'spec'),
    prepareForStatusUpdate: prepareStatus,
    validateStatusUpdate: statusErrors,
    selectableFields: { 'spec.signerName': ({ spec }) => spec?.signerName ?? '' },
    subresources: {
      approval: { prepareForUpdate: prepareApproval, validateUpdate: approvalUpdateErrors },
    },
  },
};

function validate(object: AnyObject): FieldError[] {
  const { spec } = object as CertificateSigningRequest;
  const list = spec.usages ?? [];
  const fault = requestFault(Buffer.from(spec.request ?? '', 'base64').toString());
  return [
    ...(fault === undefined ? [] : [invalid('spec.request', spec.request ?? null, fault)]),
    ...(list.length > 0 ? [] : [required('spec.usages')]),
    ...list.flatMap((usage, index) =>
      usages.includes(usage) ? [] : [notSupported(`spec.usages[${index}]`, usage, usages)],
    ),
    ...list.flatMap((usage, index) => (list.indexOf(usage) < index ? [duplicate(`spec.usages[${index}]`, usage)] : [])),
    ...signerErrors(spec.signerName ?? ''),
    ...(spec.expirationSeconds !== undefined && spec.expirationSeconds < 600
      ? [
          invalid(
            'spec.expirationSeconds',
            spec.expirationSeconds,
            'may not specify a duration less than 600 seconds (10 minutes)',
          ),
        ]
      : []),
  ];
}

function signerErrors(name: string): FieldError[] {
  const field = 'spec.signerName';
  return [
    ...signerNameErrors(name, field),
    ...(name === 'kubernetes.io/legacy-unknown'
      ? [invalid(field, name, 'the legacy signerName is not allowed via this API version')]
      : []),
  ];
}

function condition({ status }: CertificateSigningRequest): string {
  const has = (type: string) => status?.conditions?.some((entry) => entry.type === type) ?? false;
  const decision = has('Denied') ? 'Denied' : has('Approved') ? 'Approved' : 'Pending';
  return [decision, has('Failed') ? 'Failed' : '', status?.certificate ? 'Issued' : ''].filter(Boolean).join(',');
}
