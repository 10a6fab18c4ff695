import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { type Answerer, aWebhookServer } from './webhook-server.ts';

interface Key {
  readonly id: string;
  readonly algorithm: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

function aKey(id: string, algorithm: string): Key {
  const pair =
    algorithm === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { id, algorithm, ...pair };
}

function signed(text: string, { algorithm, privateKey }: Key): Buffer {
  if (algorithm === 'ES256') return sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
  return sign('sha256', Buffer.from(text), privateKey);
}

const nothing: Answerer = (_, response) => void response.writeHead(404).end();

/** An OpenID Connect issuer with real keys, over HTTPS with an authority of its own; `elsewhere` answers what it is not asked as one. */
export async function anIssuer({ elsewhere = nothing, authority }: { elsewhere?: Answerer; authority?: string } = {}) {
  const keys = new Map<string, Key>();
  const server = await aWebhookServer(
    (asked, response) => {
      const { path } = asked;
      if (path === '/.well-known/openid-configuration') return { issuer: server.url, jwks_uri: `${server.url}/keys` };
      if (path !== '/keys') return elsewhere(asked, response);
      const list = [...keys.values()].map(({ id, algorithm, publicKey }) => ({
        ...publicKey.export({ format: 'jwk' }),
        kid: id,
        alg: algorithm,
        use: 'sig',
      }));
      return { keys: [{ kty: 'OKP', crv: 'X448', x: 'AA', kid: 'other' }, ...list] };
    },
    authority === undefined ? {} : { authority },
  );
  const add = (id: string, algorithm = 'RS256') => {
    const key = aKey(id, algorithm);
    keys.set(id, key);
    return key;
  };
  add('first');
  return {
    url: server.url,
    ca: server.authority.cert,
    /** How often something was fetched. */
    get fetched() {
      return server.asked.length;
    },
    keys,
    add,
    /** A token as the issuer makes it, with claims and header as the test wants them. */
    token(claims: object = {}, { key = 'first', header = {} }: { key?: string; header?: object } = {}) {
      const known = keys.get(key) ?? aKey(key, 'RS256');
      const now = Math.floor(Date.now() / 1000);
      const head = encode({ alg: known.algorithm, kid: known.id, typ: 'JWT', ...header });
      const body = encode({ iss: server.url, aud: 'berth', sub: 'jane', iat: now, exp: now + 600, ...claims });
      return `${head}.${body}.${signed(`${head}.${body}`, known).toString('base64url')}`;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
