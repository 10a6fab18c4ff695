import type { TLSSocket } from 'node:tls';
import { apiError } from '@berth/kube';
import { anonymous, type User } from '../user.ts';

/** Who a bearer token stands for; undefined: not one of its own. */
export interface TokenAuthenticator {
  authenticate(token: string): Promise<User | undefined>;
}

/** A certificate does not change while its connection lives. */
const known = new WeakMap<object, User | 'invalid' | undefined>();

/**
 * The user of a request: its bearer token's, else its client certificate's (CN is the name, O the groups), else anonymous.
 * @throws ApiError Unauthorized – a credential that is there but not valid.
 */
export async function authenticate(
  authorization: string | undefined,
  socket: TLSSocket,
  tokens: readonly TokenAuthenticator[],
): Promise<User> {
  const certificate = certificateUser(socket);
  if (certificate !== undefined && certificate !== 'invalid') return certificate;
  const token = /^bearer +(\S+)$/i.exec(authorization?.trim() ?? '')?.[1];
  if (token !== undefined) {
    for (const each of tokens) {
      const user = await each.authenticate(token);
      if (user) return authenticated(user);
    }
    throw unauthorized();
  }
  if (certificate === 'invalid') throw unauthorized();
  return anonymous;
}

export function unauthorized() {
  return apiError('Unauthorized', 'Unauthorized');
}

function authenticated(user: User): User {
  return {
    ...user,
    groups: [...user.groups.filter((group) => group !== 'system:authenticated'), 'system:authenticated'],
  };
}

function certificateUser(socket: TLSSocket): User | 'invalid' | undefined {
  if (known.has(socket)) return known.get(socket);
  const user = readCertificate(socket);
  known.set(socket, user);
  return user;
}

function readCertificate(socket: TLSSocket): User | 'invalid' | undefined {
  const { subject } = socket.getPeerCertificate();
  if (!subject) return undefined;
  if (!socket.authorized || typeof subject.CN !== 'string') return 'invalid';
  const organizations = subject.O as string | readonly string[] | undefined;
  return authenticated({ name: subject.CN, groups: organizations === undefined ? [] : [organizations].flat() });
}
