import { X509Certificate } from 'node:crypto';
import type { CustomResourceConversion } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { child, forbidden, invalid, notSupported, required } from '../../resources/field.ts';
import { dns1035Label } from '../../resources/names.ts';
import { webhookServiceErrors, webhookUrlErrors } from '../../resources/webhook-client-errors.ts';

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
    ? webhookServiceErrors(service ?? { name: '', namespace: '' }, child(path, 'service'))
    : webhookUrlErrors(url, child(path, 'url'));
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
