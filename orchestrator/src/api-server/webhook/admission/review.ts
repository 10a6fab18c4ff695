import { decodeObject, schemas } from '@berth/kube';
import type { AdmissionRequest } from '../../admission/admission.ts';
import type { AnyObject, ResourceDefinition } from '../../resource-definition.ts';
import { CallError } from '../call-error.ts';
import { type ReviewKind, readReview } from '../read-review.ts';
import type { Invocation } from './invocation.ts';
import { namespaceOf } from './selected-by.ts';

const versions = ['v1', 'v1beta1'] as const;
type ReviewVersion = (typeof versions)[number];

/** The object of a request in the version a webhook wants; null where there is none. */
export interface ReviewedObjects {
  readonly object: AnyObject | null;
  readonly oldObject: AnyObject | null;
}

export interface Review {
  readonly uid: string;
  readonly version: ReviewVersion;
  readonly body: object;
}

/** What a webhook answered, whichever version it speaks. */
export interface Verdict {
  readonly allowed: boolean;
  /** Base64 of a JSON patch, where there is one. */
  readonly patch: string | undefined;
  readonly patchType: string;
  readonly auditAnnotations: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly result: Readonly<Record<string, unknown>> | undefined;
}

/** The AdmissionReview to send. @throws CallError – the webhook takes no version of it that is known. */
export function reviewOf(
  { hook, definition }: Invocation,
  request: AdmissionRequest,
  { objects, uid }: { readonly objects: ReviewedObjects; readonly uid: string },
): Review {
  const accepted = hook.webhook.admissionReviewVersions ?? [];
  const version = accepted.find((one): one is ReviewVersion => versions.includes(one as ReviewVersion));
  if (!version) throw new CallError('webhook does not accept known AdmissionReview versions (v1, v1beta1)');
  const body = {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${version}`,
    request: { uid, ...requestFields(definition, request), ...objects },
  };
  return { uid, version, body };
}

/** An AdmissionReview's request but for its uid and the objects; `definition` is the version that is wanted. */
export function requestFields(definition: ResourceDefinition, request: AdmissionRequest): object {
  const { subresource, user, dryRun, definition: asked } = request;
  const namespace = namespaceOf(request);
  return {
    kind: kindOf(definition, subresource),
    resource: resourceOf(definition),
    ...(subresource === '' ? {} : { subResource: subresource }),
    requestKind: kindOf(asked, subresource),
    requestResource: resourceOf(asked),
    ...(subresource === '' ? {} : { requestSubResource: subresource }),
    ...(request.generatedName || request.name === '' ? {} : { name: request.name }),
    ...(namespace === '' ? {} : { namespace }),
    operation: request.operation.toUpperCase(),
    userInfo: {
      username: user.name,
      ...(user.uid ? { uid: user.uid } : {}),
      groups: user.groups,
      ...(user.extra ? { extra: user.extra } : {}),
    },
    dryRun,
    options: request.operation === 'connect' ? null : (request.options?.() ?? null),
  };
}

function resourceOf({ group, version, plural }: ResourceDefinition) {
  return { group, version, resource: plural };
}

function kindOf(definition: ResourceDefinition, subresource: string) {
  const { group, version, kind } = definition.subresources.find(({ name }) => name === subresource) ?? definition;
  return { group, version, kind };
}

const answered: ReviewKind = {
  group: 'admission.k8s.io',
  kind: 'AdmissionReview',
  response: 'AdmissionResponse',
  fields: {
    uid: 'types.UID',
    allowed: 'bool',
    status: 'v1.Status',
    patch: '[]uint8',
    patchType: 'v1.PatchType',
    auditAnnotations: 'map[string]string',
    warnings: '[]string',
  },
};

/** An answer as client-go reads it. @throws CallError – it is no AdmissionReview */
export function answerOf({ version }: Review, answer: unknown): Answer {
  const review = readReview(answer, version, answered);
  const response = review['response'] as Record<string, unknown> | null | undefined;
  return { review, response: response && { ...response, status: statusOf(response['status']) } };
}

interface Answer {
  readonly review: Readonly<Record<string, unknown>>;
  readonly response: Readonly<Record<string, unknown>> | null | undefined;
}

/** What an answer says (webhookrequest.VerifyAdmissionResponse). @throws CallError – it is none to what was asked */
export function verdictOf({ uid, version }: Review, mutating: boolean, { review, response }: Answer): Verdict {
  if (response === undefined || response === null) throw new CallError('webhook response was absent');
  const { uid: said = '', allowed, patch, patchType } = response;
  if (version === 'v1') {
    if (said !== uid) throw new CallError(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(said)}`);
    const { kind, apiVersion } = review;
    if (!kind || !apiVersion)
      throw new CallError(
        `expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${apiVersion || '/'}, Kind=${kind ?? ''}`,
      );
    checkPatch(mutating, patch, patchType);
  }
  return {
    allowed: allowed === true,
    patch: mutating && typeof patch === 'string' && patch !== '' ? patch : undefined,
    patchType: version === 'v1' ? String(patchType ?? '') : 'JSONPatch',
    auditAnnotations: (response['auditAnnotations'] ?? {}) as Record<string, string>,
    warnings: (response['warnings'] ?? []) as string[],
    result: response['status'] as Record<string, unknown> | undefined,
  };
}

function checkPatch(mutating: boolean, patch: unknown, patchType: unknown): void {
  const has = typeof patch === 'string' && patch !== '';
  const typed = patchType !== undefined && patchType !== null;
  if (!mutating) {
    if (has) throw new CallError('validating webhook may not return response.patch');
    if (typed) throw new CallError('validating webhook may not return response.patchType');
    return;
  }
  if (has && !typed) throw new CallError('webhook returned response.patch but not response.patchType');
  if (!has && typed) throw new CallError('webhook returned response.patchType but not response.patch');
  if (typed && patchType === '') throw new CallError('webhook returned invalid response.patchType of ""');
}

/** @throws CallError – fields of wrong types, as a Go client would not read them. */
function statusOf(value: unknown): Record<string, unknown> | undefined {
  if (value === undefined || value === null) return undefined;
  try {
    return decodeObject(schemas.get('io.k8s.apimachinery.pkg.apis.meta.v1.Status'), value).object;
  } catch (error) {
    throw new CallError((error as Error).message.replace('field Status.', 'field Status.response.status.'));
  }
}
