import {
  apiError,
  type CustomResourceDefinition,
  copyJson,
  goType,
  groupVersionOf,
  groupVersionProblem,
  isRecord,
  type Status,
  unmarshalProblem,
} from '@berth/kube';
import { aggregate } from '../../aggregate.ts';
import type { AnyObject } from '../../resource-definition.ts';
import { validateLabels } from '../../resources/label-selector.ts';
import { validateAnnotations } from '../../resources/metadata.ts';
import type { ServerContext } from '../../server-context.ts';
import { CallError } from '../../webhook/call-error.ts';
import { type ReviewKind, readReview } from '../../webhook/read-review.ts';
import type { WebhookClientConfig } from '../../webhook/webhook-client.ts';
import type { ConvertObjects } from './converting-storage.ts';

/** Upstream gives a conversion no time of its own; client-go's for webhooks. */
const timeoutSeconds = 30;
const never = new AbortController().signal;

/** Converts objects of a definition by its webhook (apiextensions conversion/webhook_converter.go). */
export function webhookConversion(context: ServerContext, crd: CustomResourceDefinition): ConvertObjects {
  const { group, names } = crd.spec;
  const { clientConfig = {}, conversionReviewVersions = [] } = crd.spec.conversion?.webhook ?? {};
  const reviewVersion = conversionReviewVersions.find((version) => version === 'v1' || version === 'v1beta1');
  return async (objects, version, signal = never) => {
    const desired = `${group}/${version}`;
    const from = objects[0]?.apiVersion ?? desired;
    const about = `conversion webhook for ${from}, Kind=${names.kind}`;
    if (reviewVersion === undefined) throw failed('no supported conversion review versions');
    const uid = context.rng.uuid();
    const request = { uid, desiredAPIVersion: desired, objects };
    const review = { kind: 'ConversionReview', apiVersion: `apiextensions.k8s.io/${reviewVersion}`, request };
    const client = await context.outbound.webhooks();
    const config = clientConfig as WebhookClientConfig;
    const conversion = { name: crd.metadata.name as string, from: groupVersionOf(from).version, to: version };
    return context.conversions.converted(conversion, async (next) => {
      const converted = await client
        .post({ config, review, timeoutSeconds }, signal)
        .then((value) => {
          next('conversion_webhook_malformed_response_failure');
          return convertedBy(value, { uid, version: reviewVersion });
        })
        .catch((error: unknown) => {
          throw error instanceof CallError ? failed(`${about} failed: ${error.message}`) : error;
        });
      next('conversion_webhook_partial_response_failure');
      if (converted.length !== objects.length)
        throw failed(`${about} returned ${converted.length} objects, expected ${objects.length}`);
      next('conversion_webhook_invalid_converted_object_failure');
      const single = objects.length === 1;
      return objects.map((object, i) => restored(object, converted[i], { about, desired, index: i, single }));
    });
  };
}

function failed(message: string) {
  return apiError('Unknown', message, { code: 500 });
}

interface Asked {
  readonly uid: string;
  /** Of the review. */
  readonly version: string;
}

const answered: ReviewKind = {
  group: 'apiextensions.k8s.io',
  kind: 'ConversionReview',
  response: 'ConversionResponse',
  fields: { uid: 'types.UID', convertedObjects: '[]runtime.RawExtension', result: 'v1.Status' },
};

/** The converted objects of an answer. @throws CallError */
function convertedBy(answer: unknown, { uid, version }: Asked): readonly unknown[] {
  const review = readReview(answer, version, answered);
  const { kind, apiVersion } = review;
  // v1beta1 did not look at what it got back.
  const strict = version === 'v1';
  if (strict && (!kind || !apiVersion))
    throw new CallError(
      `expected webhook response of apiextensions.k8s.io/v1, Kind=ConversionReview, got ${apiVersion || '/'}, Kind=${kind ?? ''}`,
    );
  const response = review['response'] as Record<string, unknown> | null | undefined;
  if (response === undefined || response === null) throw new CallError('no response provided');
  if (strict && response['uid'] !== uid)
    throw new CallError(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`);
  const { status = '', message } = (response['result'] ?? {}) as Partial<Status>;
  if (status !== 'Success') throw new CallError(message || `response.result.status was '${status}', not 'Success'`);
  return (response['convertedObjects'] ?? []) as unknown[];
}

interface Expected {
  readonly about: string;
  readonly desired: string;
  readonly index: number;
  /** It was the only one asked about. */
  readonly single: boolean;
}

/** A converted object with the metadata it had, but for labels and annotations. @throws ApiError */
function restored(original: AnyObject, value: unknown, { about, desired, index, single }: Expected): AnyObject {
  const at = ` at index ${index}`;
  const invalid = (why: string, place = at) =>
    failed(`${about} returned invalid ${single ? 'object' : 'converted object'}${place}: ${why}`);
  const invalidMetadata = (why: string) =>
    failed(`${about} returned invalid metadata${single ? '' : ` in object${at}`}: ${why}`);
  const problem = unreadable(value);
  if (problem !== undefined) throw single ? failed(problem) : invalid(problem);
  const { apiVersion, kind, metadata } = value as Readonly<Record<string, unknown>>;
  if (apiVersion !== desired) throw invalid(`invalid groupVersion (expected ${desired}, received ${text(apiVersion)})`);
  if (kind !== original.kind) throw invalid(`invalid kind (expected ${original.kind}, received ${text(kind)})`);
  const has = isRecord(metadata) ? metadata : {};
  for (const [name, words] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    const [wanted, got] = [original.metadata[name] ?? '', text(has[name])];
    if (wanted !== got) throw invalid(`must have the same ${words}: ${wanted} != ${got}`, single ? '' : at);
  }
  const object = copyJson(value as AnyObject);
  object.metadata = copyJson(original.metadata);
  for (const name of ['labels', 'annotations'] as const) takeOver(object, has[name], name, invalidMetadata);
  return object;
}

/** Why a value is no object that says what it is (apimachinery unstructured/helpers.go, unstructuredJSONScheme). */
function unreadable(value: unknown): string | undefined {
  // An extension that is null has no text.
  if (value === null) return 'unexpected end of JSON input';
  if (!isRecord(value)) return unmarshalProblem(value, 'value of type map[string]interface {}');
  const isVersion = groupVersionProblem(text(value['apiVersion'])) === undefined;
  return isVersion && text(value['kind']) ? undefined : `Object 'Kind' is missing in '${JSON.stringify(value)}'`;
}

/** Go takes what is no text for none there. */
function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function takeOver(
  object: AnyObject,
  value: unknown,
  name: 'labels' | 'annotations',
  refuse: (why: string) => Error,
): void {
  delete object.metadata[name];
  if (value === undefined || value === null) return;
  if (!isRecord(value)) throw refuse(`invalid metadata.${name} of type ${goType(value)} in converted object`);
  for (const [key, each] of Object.entries(value))
    if (typeof each !== 'string')
      throw refuse(`metadata.${name}[${key}] must be a string, but is ${goType(each)} in converted object`);
  const texts = value as Record<string, string>;
  const errors =
    name === 'labels' ? validateLabels(texts, 'metadata.labels') : validateAnnotations(texts, 'metadata.annotation');
  if (errors.length > 0) throw refuse(aggregate(errors.map(({ field, message }) => `${field}: ${message}`)));
  object.metadata[name] = copyJson(texts);
}
