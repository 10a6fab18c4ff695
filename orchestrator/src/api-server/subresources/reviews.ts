import { defaultAndTrack } from '../apply/default-and-track.ts';
import { managerOf } from '../apply/manager-name.ts';
import { rulesReview } from '../authorization/rules-review.ts';
import type { Attributes } from '../authorizer.ts';
import { expectedKind } from '../body-decoder.ts';
import { invalid } from '../invalid.ts';
import type { SpecialHandler } from '../request-pipeline.ts';
import type { AnyObject } from '../resource-definition.ts';
import type { ResourceRoute } from '../route.ts';
import type { ServerRequest } from '../server-request.ts';
import type { User } from '../user.ts';
import { writeOptionsOf } from '../write-options.ts';
import type { SpecialParts } from './special-handlers.ts';

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
      const { fieldValidation, fieldManager } = writeOptionsOf(request.query, 'CreateOptions');
      const object = await context.bodies.object(request, expectedKind(definition), fieldValidation);
      const manager = managerOf(fieldManager, request.userAgent);
      defaultAndTrack(context, { definition, subresource: '', object, live: undefined, manager });
      const status = await reviewer((object.spec ?? {}) as Spec, request, route);
      const metadata = metadataOf(object, context.clock.now());
      return { type: 'object', status: 201, object: { ...object, metadata, status } as AnyObject };
    })();
  };
}

/** Some reviews are answered with what was sent, some with an object of their own. */
function metadataOf({ kind, metadata: { managedFields } }: AnyObject, now: number): object {
  if (kind === 'SelfSubjectReview') return { creationTimestamp: timestamp(now) };
  return managedFields && kind !== 'SelfSubjectRulesReview' ? { managedFields } : {};
}

function timestamp(now: number): string {
  return new Date(now).toISOString().replace(/\.\d+Z$/, 'Z');
}

function reviewersOf({ authorization, tokens }: SpecialParts): Readonly<Record<string, Reviewer>> {
  const decide = async (user: User, spec: Spec) => {
    const { allowed, denied, reason } = await authorization.authorizer.authorize(attributesOf(user, spec));
    return { allowed, ...(denied ? { denied } : {}), ...(reason === '' ? {} : { reason }) };
  };
  const subject: Reviewer = async (spec, _request, { definition }) => {
    if (!spec['user'] && !spec['groups']?.length) {
      const message = 'Invalid value: "": at least one of user or group must be specified';
      throw invalid(definition, '', [{ reason: 'FieldValueInvalid', field: 'spec.user', message }]);
    }
    return decide({ name: spec['user'] ?? '', groups: spec['groups'] ?? [] }, spec);
  };
  return {
    SelfSubjectAccessReview: (spec, { user }) => decide(user, spec),
    SubjectAccessReview: subject,
    LocalSubjectAccessReview: subject,
    SelfSubjectRulesReview: async (spec, { user }) => rulesReview(authorization, user, spec['namespace'] ?? ''),
    SelfSubjectReview: async (_spec, { user }) => ({ userInfo: userInfoOf(user) }),
    TokenReview: async (spec) => {
      const known = await tokens?.review(spec['token'] ?? '', spec['audiences'] ?? []);
      if (!known) return { user: {}, error: 'invalid bearer token' };
      return { authenticated: true, user: userInfoOf(known.user), audiences: known.audiences };
    },
  };
}

function userInfoOf({ name, uid, groups, extra }: User) {
  return { username: name, ...(uid === undefined ? {} : { uid }), groups, ...(extra ? { extra } : {}) };
}

function attributesOf(user: User, spec: Spec): Attributes {
  const {
    verb = '',
    namespace = '',
    group = '',
    resource = '',
    subresource = '',
    name = '',
  } = spec['resourceAttributes'] ?? {};
  const other = spec['nonResourceAttributes'] as { verb?: string; path?: string } | undefined;
  return { user, namespace, group, resource, subresource, name, verb: other?.verb ?? verb, path: other?.path ?? '' };
}
