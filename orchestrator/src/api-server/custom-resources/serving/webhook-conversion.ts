import { apiError, type CustomResourceDefinition, copyJson, isRecord } from '@berth/kube';
import type { AnyObject } from '../../resource-definition.ts';
import { validateLabels } from '../../resources/label-selector.ts';
import { validateAnnotations } from '../../resources/metadata.ts';
import type { ServerContext } from '../../server-context.ts';
import { CallError } from '../../webhook/call-error.ts';
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
    const apiVersion = `apiextensions.k8s.io/${reviewVersion}`;
    const review = { kind: 'ConversionReview', apiVersion, request };
    const client = await context.outbound.webhooks();
    const config = clientConfig as WebhookClientConfig;
    const answer = await client.post({ config, review, timeoutSeconds }, signal).catch((error: unknown) => {
      throw error instanceof CallError ? failed(`${about} failed: ${error.message}`) : error;
    });
    const converted = answered(answer, { about, uid, apiVersion });
    if (converted.length !== objects.length)
      throw failed(`${about} returned ${converted.length} objects, expected ${objects.length}`);
    return objects.map((object, i) => restored(object, converted[i], { about, desired, index: i }));
  };
}

function failed(message: string) {
  return apiError('Unknown', message, { code: 500 });
}

interface Asked {
  readonly about: string;
  readonly uid: string;
  readonly apiVersion: string;
}

/** The converted objects of an answer. @throws ApiError */
function answered(answer: unknown, { about, uid, apiVersion }: Asked): readonly unknown[] {
  const refuse = (why: string) => failed(`${about} failed: ${why}`);
  const review = isRecord(answer) ? answer : {};
  const gvk = `${review['apiVersion'] ?? ''}, Kind=${review['kind'] ?? ''}`;
  // v1beta1 did not look at what it got back.
  const strict = apiVersion.endsWith('/v1');
  if (strict && (review['apiVersion'] !== apiVersion || review['kind'] !== 'ConversionReview'))
    throw refuse(`expected webhook response of ${apiVersion}, Kind=ConversionReview, got ${gvk}`);
  const { response } = review;
  if (!isRecord(response)) throw refuse('no response provided');
  if (strict && response['uid'] !== uid)
    throw refuse(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`);
  const result = isRecord(response['result']) ? response['result'] : {};
  const { status = '', message } = result;
  if (status !== 'Success')
    throw refuse(
      typeof message === 'string' && message !== ''
        ? message
        : `response.result.status was '${String(status)}', not 'Success'`,
    );
  return Array.isArray(response['convertedObjects']) ? response['convertedObjects'] : [];
}

interface Expected {
  readonly about: string;
  readonly desired: string;
  readonly index: number;
}

/** A converted object with the metadata it had, but for labels and annotations. @throws ApiError */
function restored(original: AnyObject, value: unknown, { about, desired, index }: Expected): AnyObject {
  const refuse = (why: string, what = 'object') =>
    failed(`${about} returned invalid ${what} at index ${index}: ${why}`);
  if (!isRecord(value)) throw refuse('it is no object', 'converted object');
  const { apiVersion = '', kind = '', metadata } = value;
  if (apiVersion !== desired)
    throw refuse(`invalid groupVersion (expected ${desired}, received ${String(apiVersion)})`);
  if (kind !== original.kind) throw refuse(`invalid kind (expected ${original.kind}, received ${String(kind)})`);
  if (!isRecord(metadata)) throw refuse('missing metadata in converted object');
  for (const [name, words] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    const [had, has] = [original.metadata[name] ?? '', metadata[name] ?? ''];
    if (had !== has) throw refuse(`must have the same ${words}: ${had} != ${String(has)}`);
  }
  const object = copyJson(value) as AnyObject;
  object.metadata = copyJson(original.metadata);
  for (const name of ['labels', 'annotations'] as const)
    takeOver(object, metadata[name], name, (why) => refuse(why, 'metadata'));
  return object;
}

function takeOver(
  object: AnyObject,
  value: unknown,
  name: 'labels' | 'annotations',
  refuse: (why: string) => Error,
): void {
  delete object.metadata[name];
  if (value === undefined || value === null) return;
  if (!isRecord(value)) throw refuse(`invalid metadata.${name} of type ${typeof value} in converted object`);
  for (const [key, each] of Object.entries(value))
    if (typeof each !== 'string')
      throw refuse(`metadata.${name}[${key}] must be a string, but is ${typeof each} in converted object`);
  const texts = value as Record<string, string>;
  const field = `metadata.${name}`;
  const [error] = name === 'labels' ? validateLabels(texts, field) : validateAnnotations(texts, field);
  if (error) throw refuse(`${error.field}: ${error.message}`);
  object.metadata[name] = copyJson(texts);
}
