import { expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';
import { aFile } from '../harness/kubeconfig-file.ts';
import { anIssuer } from '../harness/oidc-issuer.ts';
import type { Answerer } from '../harness/webhook-server.ts';

/** An issuer whose tokens say where the groups are, another that knows them, and a server that asks. */
async function aWorld() {
  const answers = new Map<string, Answerer>();
  const asked: { path: string; authorization: string | undefined }[] = [];
  const elsewhere: Answerer = (request, response) => {
    asked.push({ path: request.path, authorization: request.headers.authorization });
    return answers.get(request.path)?.(request, response);
  };
  const directory = await anIssuer({ elsewhere, authority: 'CN=directory-ca' });
  const issuer = await anIssuer();
  using ca = aFile([issuer.ca, directory.ca].join('\n'));
  const oidc = { issuerUrl: issuer.url, clientId: 'berth', caFile: ca.path, groupsClaim: 'groups', usernamePrefix: '-' };
  const api = await anApiServer({ authentication: { oidc } });
  const path = '/apis/authentication.k8s.io/v1/tokenreviews';
  let made = 0;
  const review = async (claims: object) => {
    const body = { spec: { token: issuer.token({ jti: String(made++), ...claims }) } };
    const { text } = await api.send({ method: 'POST', path, contentType: 'application/json', body });
    const { user, error } = JSON.parse(text).status;
    return error ?? user.groups;
  };
  return {
    asked,
    directory,
    issuer,
    review,
    /** Claims whose groups are at a place of the directory that answers so. */
    at(place: string, answer: string | Answerer, more: object = {}) {
      const body: Answerer = typeof answer === 'string' ? (_, response) => void response.end(answer) : answer;
      answers.set(`/${place}`, body);
      return { _claim_names: { groups: 's' }, _claim_sources: { s: { endpoint: `${directory.url}/${place}`, ...more } } };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([api, issuer, directory].map((each) => each[Symbol.asyncDispose]()));
    },
  };
}

const refused = (why: string) => `[invalid bearer token, oidc: could not expand distributed claims: ${why}]`;
const everyone = 'system:authenticated';

test('groups that are not in a token are those its issuer says where to ask for', async () => {
  await using world = await aWorld();
  const { at, asked, directory, issuer, review } = world;
  const groups = directory.token({ groups: ['dev', 'ops'] });
  // Upstream refuses the first token of each issuer, whose keys it does not know yet.
  expect(await review(at('plain', groups))).toEqual(['dev', 'ops', everyone]);
  expect(await review(at('known', groups, { access_token: 'sesame' }))).toEqual(['dev', 'ops', everyone]);
  expect(asked).toEqual([{ path: '/plain', authorization: undefined }, { path: '/known', authorization: 'Bearer sesame' }]);
  expect(await review(at('own', issuer.token({ groups: 'one' })))).toEqual(['one', everyone]);
  expect(await review(at('spaces', ` ${groups}\n`))).toEqual(['dev', 'ops', everyone]);
  const many = Array.from({ length: 3000 }, (_, i) => `00000000-0000-0000-0000-00000000${i}`);
  expect(await review(at('many', directory.token({ groups: many })))).toEqual([...many, everyone]);
  // What is in the token counts, and nobody is asked for what nobody wants to know or what has no place.
  asked.length = 0;
  expect(await review({ ...at('x', groups), groups: ['own'] })).toEqual(['own', everyone]);
  const place = { endpoint: `${directory.url}/x` };
  expect(await review({ _claim_names: { roles: 's' }, _claim_sources: { s: place } })).toEqual([everyone]);
  expect(await review({ _claim_names: { groups: 's' }, _claim_sources: { s: { JWT: groups } } })).toEqual([everyone]);
  expect(asked).toEqual([]);
});

// What kube-apiserver 1.36.3 says of them.
test('a token whose groups are not to be had is nobody’s', async () => {
  await using world = await aWorld();
  const { at, directory, review } = world;
  const groups = { groups: ['dev'] };
  const url = (place: string) => `${directory.url}/${place}`;
  const ungot = (why: string) => refused(`while getting distributed claim "groups": ${why}`);
  const unread = (place: string, why: string) =>
    refused(`getting untrusted issuer from endpoint ${url(place)} failed for claim "groups": ${why}`);
  const unverified = (why: string) => refused(`verify distributed claim token: ${why}`);
  const uninitialized = (iss: string) => refused(`verifying untrusted issuer ${iss} failed: verifier not initialized for issuer: "${iss}"`);
  const answered = (status: number): Answerer => (_, response) => void response.writeHead(status).end();
  const to = (endpoint: string) => ({ _claim_names: { groups: 's' }, _claim_sources: { s: { endpoint } } });
  const cases: [object, string][] = [
    [at('404', answered(404)), ungot('error while getting distributed claim JWT: 404 Not Found')],
    [at('500', answered(500)), ungot('error while getting distributed claim JWT: 500 Internal Server Error')],
    [at('hang', (_, response) => void response.destroy()), ungot(`Get "${url('hang')}": EOF`)],
    [to('https://127.0.0.1:1/x'), ungot('Get "https://127.0.0.1:1/x": dial tcp 127.0.0.1:1: connect: connection refused')],
    [to('ftp://127.0.0.1/x'), ungot('Get "ftp://127.0.0.1/x": unsupported protocol scheme "ftp"')],
    [at('header', '', { access_token: 'se\nsame' }), ungot(`Get "${url('header')}": net/http: invalid header field value for "Authorization"`)],
    [at('html', '<html>'), unread('html', 'malformed token')],
    [at('json', JSON.stringify(groups)), unread('json', 'token is not compact JWT')],
    [at('closed', directory.token({ ...groups, iss: 'https://127.0.0.1:1/' })), uninitialized('https://127.0.0.1:1/')],
    [at('noone', directory.token({ ...groups, iss: undefined })), uninitialized('')],
    [at('key', directory.token(groups, { key: 'nobody', header: { kid: 'first' } })), unverified('failed to verify signature: failed to verify id token signature')],
    [at('hs', directory.token(groups, { header: { alg: 'HS256' } })), unverified('oidc: id token signed with unsupported algorithm, expected ["RS256"] got "HS256"')],
    [at('aud', directory.token({ ...groups, aud: 'other' })), unverified('oidc: expected audience "berth" got ["other"]')],
    [at('over', directory.token({ ...groups, exp: 1_700_000_000 })), unverified('oidc: token is expired (Token Expiry: 2023-11-14 22:13:20 +0000 UTC)')],
    [at('without', directory.token()), refused(`jwt returned by distributed claim endpoint "${url('without')}" did not contain claim: groups`)],
    [at('again', directory.token(at('html', ''))), refused(`jwt returned by distributed claim endpoint "${url('again')}" did not contain claim: groups`)],
    [at('number', directory.token({ groups: 3 })), '[invalid bearer token, oidc: parse groups claim "groups": json: cannot unmarshal number into Go value of type string]'],
    [{ _claim_names: {} }, refused('oidc: no claim sources')],
    [
      { _claim_names: { groups: 's' }, _claim_sources: { s: { JWT: 3 } } },
      refused('oidc: could not parse claim sources: json: cannot unmarshal number into Go struct field endpoint.JWT of type string'),
    ],
    [{ _claim_names: { groups: 's' } }, '[invalid bearer token, oidc: verify token: oidc: source does not exist]'],
    [{ _claim_names: { other: 's' } }, '[invalid bearer token, oidc: verify token: oidc: source does not exist]'],
    [{ _claim_names: { groups: '' } }, '[invalid bearer token, oidc: verify token: oidc: failed to obtain source from claim name]'],
  ];
  for (const [claims, expected] of cases) expect(await review(claims)).toBe(expected);
});

// Upstream follows redirects, speaks http and reads whatever comes: an access token and groups are nobody else's.
test('what is asked for groups is the place that was named, over TLS, and up to a megabyte', async () => {
  await using world = await aWorld();
  const { at, asked, directory, review } = world;
  const moved: Answerer = (_, response) => void response.writeHead(302, { location: `${directory.url}/groups` }).end();
  const ungot = (why: string) => refused(`while getting distributed claim "groups": ${why}`);
  at('groups', directory.token({ groups: ['dev'] }));
  expect(await review(at('moved', moved, { access_token: 'sesame' }))).toBe(ungot('error while getting distributed claim JWT: 302 Found'));
  const to = (endpoint: string) => ({ _claim_names: { groups: 's' }, _claim_sources: { s: { endpoint } } });
  expect(await review(to('http://127.0.0.1/x'))).toBe(ungot('Get "http://127.0.0.1/x": unsupported protocol scheme "http"'));
  expect(await review(to('https://127.0.0.1:x/'))).toBe(
    ungot('while calling https://127.0.0.1:x/: parse "https://127.0.0.1:x/": it is no URL'),
  );
  expect(await review(to(directory.url.replace('//', '//u:sesame@')))).toBe(ungot('the endpoint has a name or password in it'));
  expect(await review(at('endless', 'x'.repeat(1024 * 1024 + 1)))).toBe(ungot('response body is larger than 1048576 bytes'));
  const iss = 'http://127.0.0.1/';
  expect(await review(at('plain', directory.token({ groups: ['dev'], iss })))).toBe(
    refused(`verifying untrusted issuer ${iss} failed: verifier not initialized for issuer: "${iss}"`),
  );
  expect(asked.map(({ path }) => path)).toEqual(['/moved', '/endless', '/plain']);
});
