import { X509Certificate } from 'node:crypto';
import type { CustomResourceConversion } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { child, forbidden, invalid, notSupported, required } from '../../resources/field.ts';
import { dns1035Label, dns1123Subdomain, portNumber } from '../../resources/names.ts';

const form = '; desired format: https://host[/path]';
/** ConversionReview versions that are spoken. */
const reviews = ['v1', 'v1beta1'];

/** What is wrong with how versions are converted; paths are those of upstream's unversioned type. */
export function conversionErrors(conversion: CustomResourceConversion | undefined, path: string): FieldError[] {
  if (!conversion) return [];
  const { strategy = '', webhook } = conversion;
  const config = child(path, 'webhookClientConfig');
  const versions = child(path, 'conversionReviewVersions');
  if (strategy !== 'Webhook') {
    const why = 'should not be set when strategy is not set to Webhook';
    return [
      ...(strategy === '' ? [required(child(path, 'strategy'))] : []),
      ...(['', 'None'].includes(strategy)
        ? []
        : [notSupported(child(path, 'strategy'), strategy, ['None', 'Webhook'])]),
      ...(webhook?.clientConfig ? [forbidden(config, why)] : []),
      ...(webhook?.conversionReviewVersions?.length ? [forbidden(versions, why)] : []),
    ];
  }
  return [
    ...(webhook?.clientConfig
      ? clientErrors(webhook.clientConfig, config)
      : [required(config, 'required when strategy is set to Webhook')]),
    ...reviewErrors(webhook?.conversionReviewVersions ?? [], versions),
  ];
}

type ClientConfig = NonNullable<NonNullable<CustomResourceConversion['webhook']>['clientConfig']>;

function clientErrors({ url, service }: ClientConfig, path: string): FieldError[] {
  if ((url === undefined) === (service === undefined))
    return [required(path, 'exactly one of url or service is required')];
  return url === undefined
    ? serviceErrors(service ?? { name: '', namespace: '' }, child(path, 'service'))
    : urlErrors(url, child(path, 'url'));
}

function urlErrors(text: string, path: string): FieldError[] {
  if (!URL.canParse(text))
    return [required(path, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URI${form}`)];
  const { protocol, host, username, password, hash, search } = new URL(text);
  const scheme = protocol.slice(0, -1);
  const user = username + (password === '' ? '' : `:${password}`);
  return [
    ...(scheme === 'https' ? [] : [invalid(path, scheme, `'https' is the only allowed URL scheme${form}`)]),
    ...(host === '' ? [invalid(path, '', `host must be specified${form}`)] : []),
    ...(user === '' ? [] : [invalid(path, user, 'user information is not permitted in the URL')]),
    ...(hash === '' ? [] : [invalid(path, hash.slice(1), 'fragments are not permitted in the URL')]),
    ...(search === '' ? [] : [invalid(path, search.slice(1), 'query parameters are not permitted in the URL')]),
  ];
}

function serviceErrors(
  { name, namespace, path: at, port = 443 }: NonNullable<ClientConfig['service']>,
  path: string,
): FieldError[] {
  const wrongPort = portNumber(port);
  return [
    ...(name ? [] : [required(child(path, 'name'))]),
    ...(namespace ? [] : [required(child(path, 'namespace'))]),
    ...(wrongPort.length > 0 ? [invalid(child(path, 'port'), port, `port is not valid: ${wrongPort.join(',')}`)] : []),
    ...(!at || at === '/' ? [] : pathErrors(at, child(path, 'path'))),
  ];
}

function pathErrors(at: string, field: string): FieldError[] {
  const steps = at.slice(1).replace(/\/$/, '').split('/');
  return [
    ...(at.startsWith('/') ? [] : [invalid(field, at, "must start with a '/'")]),
    ...steps.flatMap((step, i) =>
      step === ''
        ? [invalid(field, at, `segment[${i}] may not be empty`)]
        : dns1123Subdomain(step).map((why) => invalid(field, at, `segment[${i}]: ${why}`)),
    ),
  ];
}

function reviewErrors(versions: readonly string[], path: string): FieldError[] {
  if (versions.length === 0) return [required(path)];
  return [
    ...versions.flatMap((version, i) =>
      versions.indexOf(version) < i
        ? [invalid(`${path}[${i}]`, version, 'duplicate version')]
        : dns1035Label(version).map((why) => invalid(`${path}[${i}]`, version, why)),
    ),
    ...(versions.some((version) => reviews.includes(version))
      ? []
      : [invalid(path, versions, `must include at least one of ${reviews.join(', ')}`)]),
  ];
}

/** Whether certificates can be read from a bundle (base64 of PEM); none is fine. */
export function isValidBundle(bundle: string | undefined): boolean {
  const text = Buffer.from(bundle ?? '', 'base64')
    .toString()
    .trim();
  if (text === '') return true;
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    for (const block of blocks) new X509Certificate(block);
    return blocks.length > 0;
  } catch {
    return false;
  }
}
