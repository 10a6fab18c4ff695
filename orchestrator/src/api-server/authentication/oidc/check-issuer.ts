import { X509Certificate } from 'node:crypto';
import { urlComplaint } from '../../../cel/library/go-url.ts';
import type { FieldError } from '../../resource-definition.ts';
import { child, duplicate, invalid, required } from '../../resources/field.ts';
import type { JwtFields } from './configuration-schema.ts';

/** What is wrong with an issuer (apiserver/validation validateIssuer). `own`: whose tokens are made here. */
export function issuerErrors(issuer: JwtFields['issuer'], at: string, own: readonly string[]): FieldError[] {
  const { url = '', discoveryURL = '', certificateAuthority = '', egressSelectorType = '' } = issuer;
  const [urlAt, discoveryAt] = [child(at, 'url'), child(at, 'discoveryURL')];
  const bare = (text: string) => text.replace(/\/+$/, '');
  const isSame = url !== '' && bare(url) === bare(discoveryURL);
  return [
    ...(url === '' ? [required(urlAt)] : [...disallowedErrors(url, urlAt, own), ...urlErrors(url, urlAt)]),
    ...(isSame ? [invalid(discoveryAt, discoveryURL, 'discoveryURL must be different from URL')] : []),
    ...(discoveryURL === '' ? [] : urlErrors(discoveryURL, discoveryAt)),
    ...audienceErrors(issuer, at),
    ...(certificateAuthority === '' || hasCertificates(certificateAuthority)
      ? []
      : [
          invalid(
            child(at, 'certificateAuthority'),
            '<omitted>',
            'data does not contain any valid RSA or ECDSA certificates',
          ),
        ]),
    ...(egressSelectorType === '' || ['controlplane', 'cluster'].includes(egressSelectorType)
      ? []
      : [
          invalid(
            child(at, 'egressSelectorType'),
            egressSelectorType,
            'egress selector must be either controlplane or cluster',
          ),
        ]),
  ];
}

function disallowedErrors(url: string, at: string, own: readonly string[]): FieldError[] {
  if (!own.includes(url)) return [];
  return [invalid(at, url, `URL must not overlap with disallowed issuers: [${[...own].sort().join(' ')}]`)];
}

/** An issuer is known by a URL of https without more than a path. */
export function urlErrors(text: string, at: string): FieldError[] {
  const complaint = urlComplaint(text);
  if (complaint !== undefined) return [invalid(at, text, complaint)];
  // As far as Go's parser looks: whatever is written there.
  const [, scheme = '', authority = ''] = /^(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?:\/\/([^/?#]*))?/.exec(text) ?? [];
  const hash = text.indexOf('#');
  const [before, fragment] = hash < 0 ? [text, ''] : [text.slice(0, hash), text.slice(hash + 1)];
  const question = before.indexOf('?');
  const wrong = [
    ...(scheme.toLowerCase() === 'https' ? [] : ['URL scheme must be https']),
    ...(authority.includes('@') ? ['URL must not contain a username or password'] : []),
    ...(question >= 0 && question < before.length - 1 ? ['URL must not contain a query'] : []),
    ...(fragment === '' ? [] : ['URL must not contain a fragment']),
  ];
  return wrong.map((why) => invalid(at, text, why));
}

function audienceErrors({ audiences = [], audienceMatchPolicy: policy = '' }: JwtFields['issuer'], at: string) {
  const [list, policyAt] = [child(at, 'audiences'), child(at, 'audienceMatchPolicy')];
  if (audiences.length === 0) return [required(list, `at least one ${list} is required`)];
  const errors = audiences.flatMap((audience, i) => [
    ...(audience === '' ? [required(`${list}[${i}]`)] : []),
    ...(audiences.indexOf(audience) < i ? [duplicate(`${list}[${i}]`, audience)] : []),
  ]);
  if (policy === 'MatchAny') return errors;
  if (audiences.length > 1)
    errors.push(invalid(policyAt, policy, 'audienceMatchPolicy must be MatchAny for multiple audiences'));
  else if (policy !== '')
    errors.push(invalid(policyAt, policy, 'audienceMatchPolicy must be empty or MatchAny for single audience'));
  return errors;
}

function hasCertificates(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const block of blocks) new X509Certificate(block);
    return blocks.length > 0;
  } catch {
    return false;
  }
}
