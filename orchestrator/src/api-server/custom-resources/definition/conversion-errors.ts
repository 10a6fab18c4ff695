import type { CustomResourceConversion, CustomResourceDefinition } from '@berth/kube';
import type { FieldError } from '../../resource-definition.ts';
import { child, forbidden, invalid, notSupportedPlain, required } from '../../resources/field.ts';
import { dns1035Label } from '../../resources/names.ts';
import { webhookServiceErrors, webhookUrlErrors } from '../../resources/webhook-client-errors.ts';
import { bundleProblem } from './ca-bundle.ts';
import { isConditionTrue } from './conditions.ts';

/** ConversionReview versions that are spoken. */
const reviews = ['v1', 'v1beta1'];

/** What is wrong with how versions are converted; paths are those of upstream's unversioned type. `old`: what an update replaces. */
export function conversionErrors(
  conversion: CustomResourceConversion | undefined,
  path: string,
  old: CustomResourceDefinition | undefined,
): FieldError[] {
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
        : [notSupportedPlain(child(path, 'strategy'), strategy, ['None', 'Webhook'])]),
      ...(webhook?.clientConfig ? [forbidden(config, why)] : []),
      ...(webhook?.conversionReviewVersions?.length ? [forbidden(versions, why)] : []),
    ];
  }
  return [
    ...(webhook?.clientConfig
      ? [
          ...clientErrors(webhook.clientConfig, config),
          ...(refusesBundle(old) ? bundleErrors(webhook.clientConfig.caBundle, child(config, 'caBundle')) : []),
        ]
      : [required(config, 'required when strategy is set to Webhook')]),
    ...reviewErrors(webhook?.conversionReviewVersions ?? [], versions, !speaksNone(old)),
  ];
}

/** A bundle that cannot be read may stay, and be there before anything is served (apiextensions allowInvalidCABundle). */
function refusesBundle(old: CustomResourceDefinition | undefined): boolean {
  return (
    old !== undefined &&
    isConditionTrue(old, 'Established') &&
    bundleProblem(old.spec.conversion?.webhook?.clientConfig?.caBundle) === undefined
  );
}

/** Reviews that nobody speaks may stay (apiextensions hasValidConversionReviewVersionOrEmpty). */
function speaksNone(old: CustomResourceDefinition | undefined): boolean {
  const versions = old?.spec.conversion?.webhook?.conversionReviewVersions ?? [];
  return versions.length > 0 && !versions.some((version) => reviews.includes(version));
}

function bundleErrors(bundle: string | undefined, path: string): FieldError[] {
  const problem = bundleProblem(bundle);
  return problem === undefined ? [] : [invalid(path, bundle, problem)];
}

type ClientConfig = NonNullable<NonNullable<CustomResourceConversion['webhook']>['clientConfig']>;

function clientErrors({ url, service }: ClientConfig, path: string): FieldError[] {
  if ((url === undefined) === (service === undefined))
    return [required(path, 'exactly one of url or service is required')];
  return url === undefined
    ? webhookServiceErrors(service ?? { name: '', namespace: '' }, child(path, 'service'))
    : webhookUrlErrors(url, child(path, 'url'));
}

function reviewErrors(versions: readonly string[], path: string, asksForKnown: boolean): FieldError[] {
  if (versions.length === 0) return [required(path)];
  return [
    ...versions.flatMap((version, i) =>
      versions.indexOf(version) < i
        ? [invalid(`${path}[${i}]`, version, 'duplicate version')]
        : dns1035Label(version).map((why) => invalid(`${path}[${i}]`, version, why)),
    ),
    ...(!asksForKnown || versions.some((version) => reviews.includes(version))
      ? []
      : [invalid(path, versions, `must include at least one of ${reviews.join(', ')}`)]),
  ];
}
