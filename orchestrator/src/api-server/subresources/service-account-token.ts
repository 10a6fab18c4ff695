import { rfc3339 } from '@berth/kit';
import { apiError, groupVersionOf } from '@berth/kube';
import { fieldScopeOf } from '../apply/field-scope.ts';
import { managerOf } from '../apply/manager-name.ts';
import { trackUpdate } from '../apply/track-update.ts';
import { invalid } from '../invalid.ts';
import { ensureNamespace } from '../object-rules.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import type { AnyObject } from '../resource-definition.ts';
import { toWireForm } from '../resources/wire-form.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerContext } from '../server-context.ts';
import type { BoundTo, TokenIssuer } from '../tokens/token-issuer.ts';
import { requireObject } from '../verbs/get-object.ts';
import { writeOptionsOf } from '../write-options.ts';
import { admitAction } from './admit-action.ts';

const kind = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  schema: 'io.k8s.api.authentication.v1.TokenRequest',
  default: fill,
};

/** Upstream's bounds: shorter tokens would be refreshed all the time, longer ones than this are cut. */
const minSeconds = 600;
const maxSeconds = 2 ** 32;
const defaultSeconds = 3600;

/** What admission asks for, and what pods get for it where tokens are extended (pkg/serviceaccount). */
const [ofAdmissionSeconds, extendedSeconds] = [3607, 365 * 24 * 3600];

interface BoundRef {
  readonly apiVersion?: string;
  readonly kind?: string;
  readonly name?: string;
  readonly uid?: string;
}

/** POST of a TokenRequest: a token that stands for the service account (registry/core/serviceaccount TokenREST). */
export function requestToken(tokens: TokenIssuer | undefined): SpecialHandler {
  return async (context, route, request) => {
    if (!tokens) throw apiError('NotFound', 'the server could not find the requested resource', { details: {} });
    const options = writeOptionsOf(request.query, 'CreateOptions');
    const body = await context.bodies.object(request, kind, options.fieldValidation);
    ensureNamespace(body, true, route.namespace);
    ensureSameName(body, route.name);
    fillAndTrack(context, route, { body, manager: managerOf(options.fieldManager, request.userAgent) });
    await admitAction(context, { route, request }, { object: body, name: route.name, options });
    const account = (await requireObject(context, route)).object;
    ensureSameUid(body, account);
    const spec = (body.spec ?? {}) as { audiences?: string[]; expirationSeconds?: number; boundObjectRef?: BoundRef };
    const { expirationSeconds: asked = defaultSeconds } = spec;
    checkExpiration(asked);
    const boundTo = await boundObject(context, route, spec.boundObjectRef);
    const audiences = spec.audiences?.length ? spec.audiences : tokens.audiences;
    const expirationSeconds = shortened(asked, tokens, request.warn);
    // Nothing is kept of a token, and so one that is only tried is no other.
    const { credentialId, ...status } = await tokens.issue({
      namespace: route.namespace,
      serviceAccount: route.name,
      serviceAccountUid: account.metadata.uid ?? '',
      audiences,
      ...lifetimeOf(tokens, { boundTo, audiences, expirationSeconds }),
      ...(boundTo ? { boundTo } : {}),
    });
    request.audit?.annotate('authentication.kubernetes.io/issued-credential-id', credentialId);
    const { name, namespace, uid } = account.metadata;
    const own = { name, namespace, uid, creationTimestamp: rfc3339(context.clock.now()) };
    const object: AnyObject = {
      ...body,
      metadata: { ...body.metadata, ...own } as AnyObject['metadata'],
      spec: { ...spec, audiences, expirationSeconds },
      status,
    };
    return { type: 'object', status: 201, object };
  };
}

function ensureSameName({ metadata: { name } }: AnyObject, account: string): void {
  if (!name || name === account) return;
  const message = `Invalid value: ${JSON.stringify(name)}: must match the service account name if specified`;
  throw invalid(kind, account, [{ reason: 'FieldValueInvalid', field: 'metadata.name', message }]);
}

/** A token is asked for an account that may have been made anew since. */
function ensureSameUid({ metadata: { uid } }: AnyObject, { metadata }: AnyObject): void {
  if (!uid || uid === metadata.uid) return;
  const { name = '' } = metadata;
  const why = `the UID in the token request (${uid}) does not match the UID of the service account (${metadata.uid})`;
  throw apiError(
    'Conflict',
    `Operation cannot be fulfilled on TokenRequest.authentication.k8s.io ${JSON.stringify(name)}: ${why}`,
    { details: { name, group: kind.group, kind: kind.kind } },
  );
}

/** What upstream has read of a request, and writes of it (SetDefaults_TokenRequestSpec). */
function fill(body: AnyObject): void {
  const spec = (body.spec ?? {}) as { expirationSeconds?: number };
  body.spec = { ...spec, expirationSeconds: spec.expirationSeconds ?? defaultSeconds };
  toWireForm(body, kind.schema);
}

/** Defaults, and whose the fields of the request are. */
function fillAndTrack(
  context: ServerContext,
  { definition }: ResourceRoute,
  { body, manager }: { readonly body: AnyObject; readonly manager: string },
): void {
  delete body.metadata.managedFields;
  fill(body);
  const scope = fieldScopeOf(context.registry, { ...definition, ...kind, subresources: [] }, 'token');
  const now = context.clock.now();
  const fields = trackUpdate({ scope, live: undefined, next: body, sent: undefined, manager, now });
  if (fields) body.metadata.managedFields = fields;
}

function checkExpiration(seconds: number): void {
  const why =
    seconds < minSeconds
      ? 'may not specify a duration less than 10 minutes'
      : seconds > maxSeconds
        ? 'may not specify a duration larger than 2^32 seconds'
        : undefined;
  if (why === undefined) return;
  const message = `Invalid value: ${seconds}: ${why}`;
  throw invalid(kind, '', [{ reason: 'FieldValueInvalid', field: 'spec.expirationSeconds', message }]);
}

function shortened(seconds: number, { lifetimes }: TokenIssuer, warn: (text: string) => void): number {
  const { maxSeconds = 0 } = lifetimes ?? {};
  if (maxSeconds === 0 || seconds <= maxSeconds) return seconds;
  warn(`requested expiration of ${seconds} seconds shortened to ${maxSeconds} seconds`);
  return maxSeconds;
}

function lifetimeOf(
  { audiences: own, lifetimes }: TokenIssuer,
  asked: {
    readonly boundTo: BoundTo | undefined;
    readonly audiences: readonly string[];
    readonly expirationSeconds: number;
  },
) {
  const { boundTo, audiences, expirationSeconds } = asked;
  const isOfAdmission =
    boundTo?.kind === 'Pod' &&
    expirationSeconds === ofAdmissionSeconds &&
    audiences.every((audience) => own.includes(audience));
  return lifetimes?.extendsThoseOfPods && isOfAdmission
    ? { expirationSeconds: extendedSeconds, warnAfterSeconds: expirationSeconds }
    : { expirationSeconds };
}

const boundKinds: Readonly<Record<string, string>> = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' };

async function boundObject(
  context: ServerContext,
  route: ResourceRoute,
  ref: BoundRef | undefined,
): Promise<BoundTo | undefined> {
  if (!ref) return undefined;
  const { kind: bound = '', apiVersion = '', name = '' } = ref;
  const { group, version } = groupVersionOf(apiVersion);
  const plural = group === '' ? boundKinds[bound] : undefined;
  if (!plural) throw apiError('BadRequest', `cannot bind token to object of type ${group}/${version}, Kind=${bound}`);
  const definition = context.registry.ofResource('', plural);
  if (!definition) return undefined;
  if (name === '') throw apiError('BadRequest', 'Name parameter required.');
  const scope = definition.namespaced ? route.namespace : '';
  const { object } = await requireObject(context, { definition, namespace: scope, name });
  if (bound === 'Pod' && object['spec']?.serviceAccountName !== route.name)
    throw apiError(
      'BadRequest',
      `cannot bind token for serviceaccount ${JSON.stringify(route.name)} to pod running with different serviceaccount name.`,
    );
  const uid = object.metadata.uid ?? '';
  if (ref.uid && ref.uid !== uid)
    throw apiError(
      'Conflict',
      `Operation cannot be fulfilled on ${bound} ${JSON.stringify(name)}: the UID in the bound object reference (${ref.uid}) does not match the UID in record. The object might have been deleted and then recreated`,
      { details: { name, kind: bound } },
    );
  const nodeName: string | undefined = bound === 'Pod' ? object['spec']?.nodeName : undefined;
  return { kind: bound, name, uid, ...(nodeName ? { node: await nodeRef(context, nodeName) } : {}) };
}

/** Where a pod is; its node need not be known. */
async function nodeRef(context: ServerContext, name: string) {
  const uid = (await context.storageOf('', 'nodes')?.find('', name))?.object.metadata.uid;
  return { name, ...(uid ? { uid } : {}) };
}
