import type { TLSSocket } from 'node:tls';
import { apiError } from '@berth/kube';
import type { Authentication } from '../authentication/authentication.ts';
import { anonymous, type User } from '../user.ts';

/** Who a bearer token stands for; undefined: not one of its own. */
export interface TokenAuthenticator {
  authenticate(token: string): Promise<User | undefined>;
}

/** A certificate does not change while its connection lives. */
const known = new WeakMap<object, User | 'invalid' | undefined>();

/**
 * The user of a request: its client certificate's (CN is the name, O the groups), else its password's or bearer token's,
 * else anonymous.
 * @throws ApiError Unauthorized – a credential that is there but not valid; none where nobody may be anonymous.
 */
export async function authenticate(
  authorization: string | undefined,
  socket: TLSSocket,
  { tokens, passwords, anonymous: anyone }: Authentication,
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
  const login = passwords && loginOf(authorization);
  if (login) {
    const user = passwords.authenticate(login.name, login.password);
    if (user) return authenticated(user);
    throw unauthorized();
  }
  if (certificate === 'invalid' || !anyone) throw unauthorized();
  return anonymous;
}

export function unauthorized() {
  return apiError('Unauthorized', 'Unauthorized');
}

/** HTTP basic authentication (RFC 7617): a name has no colon. */
function loginOf(authorization: string | undefined): { name: string; password: string } | undefined {
  const encoded = /^basic +(\S+)$/i.exec(authorization?.trim() ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [, name = '', password = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
  return { name, password };
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
