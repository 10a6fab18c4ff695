import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '@berth/kit';
import { apiError } from '@berth/kube';
import type { Authentication } from '../authentication/authentication.ts';
import { isIssuedBy } from '../authentication/certificate-roots.ts';
import { anonymous, type User } from '../user.ts';

/** Who a bearer token stands for; undefined: not one of its own. */
export interface TokenAuthenticator {
  authenticate(token: string, refused?: Refused): Promise<User | undefined>;
  /** The same of tokens for others (no audiences: for this server). Absent: its tokens are for this server, whatever they say. */
  review?(token: string, audiences: readonly string[], refused?: Refused): Promise<TokenUser | undefined>;
}

/** Whose a token is, and for whom of those that were asked about. */
export interface TokenUser {
  readonly user: User;
  readonly audiences: readonly string[];
}

/** Hears why a token is nobody's, from those that know it to be meant for them. */
export type Refused = (why: string) => void;

/** Hears of the certificates that requests come with. */
export interface CertificateObserver {
  certificate(expiresAtMs: number): void;
}

interface CertificateUser {
  readonly user: User | 'invalid' | undefined;
  readonly expiresAtMs: number;
  /** By which it is so. */
  readonly roots: Authentication['userRoots'];
}

/** A certificate does not change while its connection lives; who is believed may. */
const known = new WeakMap<object, CertificateUser>();

/**
 * The user of a request: whom a proxy names, its client certificate's (CN is the name, O the groups), else its password's or bearer token's,
 * else anonymous.
 * @throws ApiError Unauthorized – a credential that is there but not valid; none where nobody may be anonymous.
 */
export async function authenticate(
  { headers, rawHeaders, url = '' }: Pick<IncomingMessage, 'headers' | 'rawHeaders' | 'url'>,
  socket: TLSSocket,
  { frontProxy, userRoots, tokens, passwords, anonymous: anyone }: Authentication,
  { clock, observer }: { readonly clock: Pick<Clock, 'now'>; readonly observer: CertificateObserver },
): Promise<User> {
  const proxied = frontProxy?.userOf(rawHeaders, socket, clock.now());
  if (proxied) return authenticated(proxied);
  const { authorization } = headers;
  const { user, expiresAtMs } = certificateUser(socket, userRoots);
  // One that is over while its connection lives as well (apiserver x509 AuthenticateRequest verifies it with each request).
  const certificate = user !== undefined && expiresAtMs < clock.now() ? 'invalid' : user;
  if (certificate !== undefined && certificate !== 'invalid') {
    observer.certificate(expiresAtMs);
    return certificate;
  }
  const token = authorization === undefined ? undefined : tokenSaid(socket, authorization);
  if (token !== undefined) {
    const user = await tokenUser(token, { tokens });
    if (user) return user;
    throw unauthorized();
  }
  const login = passwords && loginOf(authorization);
  if (login) {
    const user = passwords.authenticate(login.name, login.password);
    if (user) return authenticated(user);
    throw unauthorized();
  }
  if (certificate === 'invalid' || !anyone(url.split('?', 1)[0] ?? '')) throw unauthorized();
  return anonymous;
}

/** Who a bearer token stands for: the first that knows it says so. */
async function tokenUser(token: string, { tokens }: Pick<Authentication, 'tokens'>): Promise<User | undefined> {
  for (const each of tokens) {
    const user = await each.authenticate(token);
    if (user) return authenticated(user);
  }
  return undefined;
}

/** Whose a token for `asked` is (none: for this server, which is `own`), by any way there is. */
export async function reviewToken(
  token: string,
  { asked, own }: { readonly asked: readonly string[]; readonly own: readonly string[] },
  { tokens }: Pick<Authentication, 'tokens'>,
  refused: Refused,
): Promise<TokenUser | undefined> {
  const common = asked.length === 0 ? own : asked.filter((audience) => own.includes(audience));
  // Who knows of no audiences gives tokens for this server (authenticator.WrapAudienceAgnosticToken).
  const isForOthers = common.length === 0 && asked.length > 0;
  for (const each of tokens) {
    if (each.review) {
      const known = await each.review(token, asked, refused);
      if (known) return { user: authenticated(known.user), audiences: known.audiences };
    } else if (!isForOthers) {
      const user = await each.authenticate(token, refused);
      if (user) return { user: authenticated(user), audiences: common };
    }
  }
  return undefined;
}

export function unauthorized() {
  return apiError('Unauthorized', 'Unauthorized');
}

/** A connection mostly says the same as before: tokens are long, and what is known of one is found fast by the same text. */
const said = new WeakMap<object, { readonly authorization: string; readonly token: string | undefined }>();

function tokenSaid(socket: TLSSocket, authorization: string): string | undefined {
  const known = said.get(socket);
  if (known?.authorization === authorization) return known.token;
  const token = bearerToken(authorization);
  said.set(socket, { authorization, token });
  return token;
}

/** The second word, whatever follows it (apiserver bearertoken). */
function bearerToken(authorization: string): string | undefined {
  const [scheme = '', token] = authorization.trim().split(' ', 2);
  return /^bearer$/i.test(scheme) && token ? token : undefined;
}

/** What a client is told whose token is not seen. */
export function bearerWarning({ authorization = '' }: IncomingMessage['headers']): string | undefined {
  if (!/^\s*bearer {2}/i.test(authorization)) return undefined;
  return 'the provided Authorization header contains extra space before the bearer token, and is ignored';
}

/** HTTP basic authentication (RFC 7617): a name has no colon. */
function loginOf(authorization: string | undefined): { name: string; password: string } | undefined {
  const encoded = /^basic +(\S+)$/i.exec(authorization?.trim() ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const [, name = '', password = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, 'base64').toString()) ?? [];
  return { name, password };
}

/** Whoever says what they are already stays so: what is known of a user is known by this very object (apiserver AuthenticatedGroupAdder). */
function authenticated(user: User): User {
  const { name, groups } = user;
  if (name === anonymous.name || groups.includes('system:unauthenticated') || groups.includes('system:authenticated'))
    return user;
  return { ...user, groups: [...groups, 'system:authenticated'] };
}

function certificateUser(socket: TLSSocket, roots: Authentication['userRoots']): CertificateUser {
  let certificate = known.get(socket);
  if (!certificate || certificate.roots !== roots) {
    const user = readCertificate(socket, roots);
    const expiresAtMs = user === undefined ? 0 : Date.parse(socket.getPeerCertificate().valid_to);
    certificate = { user, expiresAtMs, roots };
    known.set(socket, certificate);
  }
  return certificate;
}

function readCertificate(socket: TLSSocket, roots: Authentication['userRoots']): User | 'invalid' | undefined {
  const { subject, fingerprint256 } = socket.getPeerCertificate();
  if (!subject) return undefined;
  if (!socket.authorized || typeof subject.CN !== 'string') return 'invalid';
  if (roots && !isIssuedBy(socket, roots)) return 'invalid';
  const organizations = subject.O as string | readonly string[] | undefined;
  const uid = (subject as unknown as Record<string, unknown>)[uidAttribute];
  if (uid !== undefined && (typeof uid !== 'string' || uid === '')) return 'invalid';
  return authenticated({
    name: subject.CN,
    groups: organizations === undefined ? [] : [organizations].flat(),
    ...(uid === undefined ? {} : { uid }),
    extra: { 'authentication.kubernetes.io/credential-id': [credentialId(fingerprint256)] },
  });
}

/** Where a certificate's subject has its user's uid (apiserver asn1 X509UID). */
const uidAttribute = '1.3.6.1.4.1.57683.2';

function credentialId(fingerprint: string): string {
  return `X509SHA256=${fingerprint.replaceAll(':', '').toLowerCase()}`;
}
