import type { PathHandler } from '../request-pipeline.ts';
import { notAllowed } from '../route.ts';
import type { Answer } from '../server-request.ts';
import type { TokenIssuer } from './token-issuer.ts';

const maxAge = { 'cache-control': 'public, max-age=3600' };

/**
 * By what others verify tokens of service accounts: `/.well-known/openid-configuration` and `/openid/v1/jwks`
 * (pkg/serviceaccount openidmetadata.go).
 */
export function issuerPaths(tokens: TokenIssuer | undefined, serverAddress: () => string): PathHandler {
  const { issuer, keySet } = tokens ?? {};
  if (!keySet || !isDiscoverable(issuer ?? '')) return () => undefined;
  return (segments, { method }) => {
    const path = segments.join('/');
    const isKeySet = path === 'openid/v1/jwks';
    if (!isKeySet && path !== '.well-known/openid-configuration') return undefined;
    if (method !== 'GET') throw notAllowed();
    if (isKeySet) return document({ keys: keySet.keys }, 'application/jwk-set+json');
    const configuration = {
      issuer,
      jwks_uri: keySet.uri ?? `https://${serverAddress()}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: keySet.algorithms,
    };
    return document(configuration, 'application/json');
  };
}

/** Others would look for its documents there (OpenID Connect Discovery 1.0 §3). */
function isDiscoverable(issuer: string): boolean {
  return /^https:[^?#]*$/.test(issuer);
}

function document(value: object, contentType: string): Answer {
  const headers = { 'content-type': contentType, ...maxAge };
  return { type: 'document', status: 200, body: Buffer.from(JSON.stringify(value)), headers };
}
