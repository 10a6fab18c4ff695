import { rfc3339 } from '@berth/kit';
import { apiError } from '@berth/kube';
import { defaultAndTrack } from '../apply/default-and-track.ts';
import { managerOf } from '../apply/manager-name.ts';
import { rulesReview } from '../authorization/rules-review.ts';
import { reviewedSelectors } from '../authorization/selector-attributes.ts';
import type { Attributes } from '../authorizer.ts';
import { expectedKind } from '../body-decoder.ts';
import { type Refused, reviewToken } from '../http/authenticate.ts';
import { invalid } from '../invalid.ts';
import { ensureNamespace } from '../object-rules.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerRequest } from '../server-request.ts';
import type { User } from '../user.ts';
import { writeOptionsOf } from '../write-options.ts';
import { admissionOf } from './admit-action.ts';
import type { SpecialParts } from './special-handlers.ts';
import { validateAccessReview } from './validate-review.ts';

type Reviewer = (spec: Spec, request: ServerRequest, route: ResourceRoute) => Promise<object>;
// biome-ignore lint/suspicious/noExplicitAny: a review's spec, decoded by its schema.
type Spec = Record<string, any>;

/** Kinds that are answered, not stored: who am I, may I, whose token is this. */
export function review(parts: SpecialParts): SpecialHandler {
  const reviewers = reviewersOf(parts);
  return (context, route, request) => {
    const { definition, verb } = route;
    const reviewer = definition.stored || verb !== 'create' ? undefined : reviewers[definition.kind];
    if (!reviewer) return undefined;
    return (async () => {
      const options = writeOptionsOf(request.query, 'CreateOptions');
      const object = await context.bodies.object(request, expectedKind(definition), options.fieldValidation);
      ensureNamespace(object, definition.namespaced, route.namespace);
      object.metadata = sentMetadata(object.metadata);
      const manager = managerOf(options.fieldManager, request.userAgent);
      defaultAndTrack(context, { definition, subresource: '', object, live: undefined, manager });
      const admission = admissionOf({ route, request }, { object, name: object.metadata.name ?? '', options });
      await context.admission.mutate(admission);
      checkReview(route, object);
      await context.admission.validate(admission);
      const spec = (object.spec ?? {}) as Spec;
      const status = await reviewer(spec, request, route);
      const metadata = metadataOf(object, context.clock.now());
      // Upstream's answer says nothing of what was asked here.
      const shown = definition.kind === 'SelfSubjectRulesReview' ? { ...object, spec: {} } : object;
      return { type: 'object', status: 201, object: { ...shown, metadata, status } as AnyObject };
    })();
  };
}

/** What a review must say before it is answered, or anyone who validates it is asked. @throws ApiError */
function checkReview({ definition, namespace }: ResourceRoute, { metadata, spec = {} }: AnyObject): void {
  const { group, kind } = definition;
  if (kind.endsWith('SubjectAccessReview')) {
    const errors = validateAccessReview(kind, { metadata: { ...metadata }, spec }, namespace);
    // Upstream does not say of what kind.
    if (errors.length > 0) throw invalid({ group, kind: '' }, '', errors);
  }
  if (kind === 'TokenReview' && !spec['token'])
    throw apiError('BadRequest', 'token is required for TokenReview in authentication');
  if (kind === 'SelfSubjectRulesReview' && !spec['namespace']) throw apiError('BadRequest', 'no namespace on request');
}

/** Without what only a server says, in the order in which it is told (rest.WipeObjectMetaSystemFields). */
function sentMetadata({ name, generateName, namespace, ...others }: AnyObject['metadata']): AnyObject['metadata'] {
  const { uid: _, creationTimestamp: __, deletionTimestamp: ___, deletionGracePeriodSeconds: ____, ...rest } = others;
  delete rest.selfLink;
  return {
    ...(name ? { name } : {}),
    ...(generateName ? { generateName } : {}),
    ...(namespace ? { namespace } : {}),
    ...rest,
  };
}

/** Some reviews are answered with what was sent, some with an object of their own. */
function metadataOf({ kind, metadata }: AnyObject, now: number): object {
  if (kind === 'SelfSubjectReview') return { creationTimestamp: rfc3339(now) };
  return kind === 'SelfSubjectRulesReview' ? {} : metadata;
}

function reviewersOf(parts: SpecialParts): Readonly<Record<string, Reviewer>> {
  const { authorization } = parts;
  const decide = async (user: User, spec: Spec) => {
    const { selectors, problems } = reviewedSelectors(spec['resourceAttributes'] ?? {});
    const decision = await authorization.authorizer.authorize({ ...attributesOf(user, spec), ...selectors });
    const { allowed, denied, reason, error } = decision;
    const evaluationError = [...(error === undefined ? [] : [error]), ...problems].join('; ');
    return {
      allowed,
      ...(denied ? { denied } : {}),
      ...(reason === '' ? {} : { reason }),
      ...(evaluationError === '' ? {} : { evaluationError }),
    };
  };
  const subject: Reviewer = async (spec) => {
    const { user: name = '', groups = [], uid, extra } = spec;
    return decide({ name, groups, ...(uid ? { uid } : {}), ...(extra ? { extra } : {}) }, spec);
  };
  return {
    SelfSubjectAccessReview: (spec, { user }) => decide(user, spec),
    SubjectAccessReview: subject,
    LocalSubjectAccessReview: subject,
    SelfSubjectRulesReview: async (spec, { user }) => rulesReview(authorization, user, spec['namespace'] ?? ''),
    SelfSubjectReview: async (_spec, { user }) => ({ userInfo: userInfoOf(user) }),
    TokenReview: async (spec) => {
      // First what upstream's server says of its own token, then each way's word (authentication/request/union).
      const refusals = new Set(['invalid bearer token']);
      const known = await reviewed(parts, spec, (why) => refusals.add(why));
      if (!known) return { user: {}, error: refusals.size > 1 ? `[${[...refusals].join(', ')}]` : [...refusals][0] };
      return { authenticated: true, user: userInfoOf(known.user), audiences: known.audiences };
    },
  };
}

async function reviewed({ tokens, authentication }: SpecialParts, spec: Spec, refused: Refused) {
  const audiences = { asked: spec['audiences'] ?? [], own: tokens?.audiences ?? [] };
  return reviewToken(spec['token'], audiences, await authentication(), refused);
}

function userInfoOf({ name, uid, groups, extra }: User) {
  return {
    ...(name ? { username: name } : {}),
    ...(uid === undefined ? {} : { uid }),
    ...(groups.length > 0 ? { groups } : {}),
    ...(extra ? { extra } : {}),
  };
}

function attributesOf(user: User, spec: Spec): Attributes {
  const attributes = spec['resourceAttributes'] ?? {};
  const { verb = '', namespace = '', group = '', resource = '', subresource = '', name = '', version } = attributes;
  const other = spec['nonResourceAttributes'] as { verb?: string; path?: string } | undefined;
  return {
    user,
    isResource: other === undefined,
    namespace,
    group,
    resource,
    subresource,
    name,
    verb: other?.verb ?? verb,
    path: other?.path ?? '',
    ...(version ? { version } : {}),
  };
}
