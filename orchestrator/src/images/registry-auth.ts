import { collectUpTo } from './collect-up-to.ts';
import { ImageError } from './image-error.ts';

/** Real ones take some kilobytes. */
const maxTokenAnswerBytes = 1024 * 1024;

export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

export interface Challenge {
  readonly scheme: 'basic' | 'bearer' | 'other';
  readonly parameters: Readonly<Record<string, string | undefined>>;
}

/** What a `WWW-Authenticate` header asks for (RFC 9110 §11.6.1). */
export function parseChallenge(header: string): Challenge {
  const word = /^\s*(\w+)/.exec(header)?.[1]?.toLowerCase();
  const found = [...header.matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)];
  return {
    scheme: word === 'basic' || word === 'bearer' ? word : 'other',
    parameters: Object.fromEntries(
      found.map(([, key = '', quoted, plain]) => [key.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? plain]),
    ),
  };
}

export interface TokenRequest {
  readonly auth: RegistryAuth | undefined;
  /** What is wanted where the challenge does not say. */
  readonly scope: string;
  readonly signal: AbortSignal;
}

/**
 * The `Authorization` header that answers a challenge: Basic with the credentials, Bearer with a token from the realm
 * the registry names (distribution's token specification).
 * @throws ImageError Denied – there are no credentials for it, or the realm refuses them.
 */
export async function authorize(challenge: Challenge, { auth = {}, scope, signal }: TokenRequest): Promise<string> {
  const { username, password = '', identityToken } = auth;
  const basic = username ? `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` : undefined;
  if (challenge.scheme === 'basic') {
    if (basic) return basic;
    throw new ImageError('Denied', 'authorization failed: no basic auth credentials');
  }
  const { realm, service, scope: asked = scope } = challenge.parameters;
  const url = realm === undefined ? null : URL.parse(realm);
  if (challenge.scheme !== 'bearer' || !url || !/^https?:$/.test(url.protocol))
    throw new ImageError('Denied', 'authorization failed: the registry asks for a scheme that is not known here');
  const response = identityToken
    ? await fetch(url, { method: 'POST', body: refreshForm(identityToken, { service, scope: asked }), signal })
    : await fetch(withQuery(url, { service, scope: asked }), {
        headers: basic ? { authorization: basic } : {},
        signal,
      });
  const kind = basic || identityToken ? 'oauth' : 'anonymous';
  const failed = (why: string) =>
    new ImageError('Denied', `failed to authorize: failed to fetch ${kind} token: ${why}`);
  if (!response.ok) {
    await response.body?.cancel();
    const { status, statusText } = response;
    throw failed(`unexpected status from GET request to ${url.origin}${url.pathname}: ${status} ${statusText}`);
  }
  const token = await tokenIn(response);
  if (token === undefined) throw failed('authorization server did not include a token in the response');
  return `Bearer ${token}`;
}

/** None where a header could not hold it: what is wrong with it must not be told with it, as errors of JSON and of headers do. */
async function tokenIn({ body }: Response): Promise<string | undefined> {
  const text = (body && (await collectUpTo(maxTokenAnswerBytes, body))) ?? '';
  try {
    const { token, access_token: accessToken } = JSON.parse(text.toString()) as Record<string, unknown>;
    const found = token || accessToken;
    return typeof found === 'string' && /^[\x21-\x7e]+$/.test(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

interface Wanted {
  readonly service: string | undefined;
  readonly scope: string;
}

function withQuery(url: URL, { service, scope }: Wanted): URL {
  const result = new URL(url);
  if (service) result.searchParams.set('service', service);
  for (const one of scope.split(' ')) result.searchParams.append('scope', one);
  return result;
}

function refreshForm(token: string, { service = '', scope }: Wanted): URLSearchParams {
  return new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id: 'berth', service, scope });
}
