import type { User } from './user.ts';

/** What someone wants to do: a verb on a resource, or on a path that is none. */
export interface Attributes {
  readonly user: User;
  readonly verb: string;
  readonly namespace: string;
  readonly group: string;
  /** Plural; empty for paths that are no resource. */
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
  readonly path: string;
}

export interface Decision {
  readonly allowed: boolean;
  readonly reason: string;
}

/** Says who may do what. Rules by role come in behind this port. */
export interface Authorizer {
  authorize(attributes: Attributes): Promise<Decision>;
}

/**
 * Until there are roles: whoever holds a certificate or a token of this server may do everything, everyone else only
 * look at the server's version and health.
 */
export const authenticatedOnly: Authorizer = {
  authorize: async ({ user }) =>
    user.groups.includes('system:authenticated') || user.groups.includes('system:masters')
      ? { allowed: true, reason: '' }
      : { allowed: false, reason: '' },
};
