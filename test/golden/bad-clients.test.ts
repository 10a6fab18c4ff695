import { connect as connectTcp } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';
import { goldenFile } from './resource-rules.ts';

let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer();
});
afterAll(() => server[Symbol.asyncDispose]());

const configmaps = '/api/v1/namespaces/default/configmaps';

test.each<[string, number, string]>([
  [`${configmaps}/..`, 400, "Name parameter invalid: \"..\": may not be '..'"],
  [`${configmaps}/%2e`, 400, "Name parameter invalid: \".\": may not be '.'"],
  [`${configmaps}/a%25`, 400, "Name parameter invalid: \"a%\": may not contain '%'"],
  [`${configmaps}?resourceVersion=18446744073709551616`, 400, 'invalid resource version: resourceVersion: Invalid value: "18446744073709551616": strconv.ParseUint: parsing "18446744073709551616": value out of range'],
  ['/api/v1/namespaces/../configmaps', 500, 'invalid key: "/configmaps/.."'],
  ['/api/v1/namespaces/..%2fkube-system/configmaps', 404, 'the server could not find the requested resource'],
  ['/api/v1/namespaces/default%2fconfigmaps%2fx', 404, 'configmaps "x" not found'],
  ['/api/v1/namespaces//configmaps/x', 400, 'Namespace parameter required.'],
  ['/api/v1/namespaces/default/pods//log', 400, 'name must be provided'],
  ['/api/v1//namespaces', 404, 'the server could not find the requested resource'],
  ['//api/v1/namespaces', 404, '404 page not found\n'],
  [`${configmaps}/%00`, 404, 'configmaps "\\x00" not found'],
  [`${configmaps}/a%0ab`, 404, 'configmaps "a\\nb" not found'],
  [`${configmaps}/%zz`, 400, '400 Bad Request'],
  [`${configmaps}/a/b/c`, 404, 'the server could not find the requested resource'],
  ['/apis/nope/v1/things', 404, '404 page not found\n'],
  [`${configmaps}/${'x'.repeat(300)}`, 404, `configmaps "${'x'.repeat(300)}" not found`],
  ['/apis//', 404, '404 page not found\n'],
  ['/metrics/', 404, '404 page not found\n'],
  ['/version/x', 404, 'the server could not find the requested resource'],
  ['/api/v1/watch?a=%3c&b', 500, 'Internal Server Error: "/api/v1/watch?a=%3c&amp;b": failed to create RequestInfo: unable to determine kind and namespace from url, /api/v1/watch?a=%3c&amp;b\n'],
  ['/openapi/v2/', 404, '404 page not found\n'],
  ['/api/v1/namespaces/default/pods/x/portforward?ports=80,x', 400, 'cannot convert to []int32: strconv.ParseUint: parsing "x": invalid syntax'],
  ['/api/v1/namespaces/default/pods/x/portforward?ports=70000', 400, 'cannot convert to []int32: strconv.ParseUint: parsing "70000": value out of range'],
])('GET %s is answered %i, and nothing is read elsewhere', async (path, status, words) => {
  const { text, ...answer } = await server.send({ method: 'GET', path });
  expect([answer.status, text.startsWith('{') ? JSON.parse(text).message : text]).toEqual([status, words]);
});

test.each([
  '/api/v1/namespaces//configmaps',
  `${configmaps}//`,
  '/api/v1/namespaces/default%2fconfigmaps',
  `${configmaps}?limit=%zz`,
  `${configmaps}?limit=x;y`,
  `https://elsewhere.example:1${configmaps}?limit=500`,
])('GET %s is the list', async (path) => {
  const { status, text } = await server.send({ method: 'GET', path });
  expect([status, JSON.parse(text).kind]).toEqual([200, 'ConfigMapList']);
});

test.each<[string, string, number, string]>([
  ['DELETE', '/api/v1/namespaces//secrets', 200, 'SecretList'],
  ['DELETE', '/api/v1/namespaces//configmaps', 400, 'Namespace parameter required.'],
  ['DELETE', '/api/v1/namespaces//secrets?dryRun=x', 422, 'DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["x"]: supported values: "All"'],
  ['DELETE', '/api/v1/configmaps', 405, 'the server does not allow this method on the requested resource'],
  ['GET', '/api/v1/namespaces//bindings', 405, 'the server does not allow this method on the requested resource'],
  ['GET', '/api/v1/namespaces/./services/a', 500, 'invalid key: "/services/specs/./a"'],
  ['POST', '/api/v1/namespaces//configmaps', 422, 'ConfigMap "a" is invalid: metadata.namespace: Required value'],
  ['POST', '/api/v1/namespaces/../configmaps', 500, `Internal error occurred: invalid resource name "..": [may not be '..']`],
  ['POST', '/api/v1/namespaces/%25/configmaps', 500, `Internal error occurred: invalid resource name "%": [may not contain '%']`],
  ['POST', '/apis/apps//', 405, 'the server does not allow this method on the requested resource'],
  ['POST', '/apis/apps/', 200, 'APIGroup'],
  ['GET', '/livez/ping%2f', 404, '404 page not found\n'],
  ['GET', '/livez/%2f', 404, '404 page not found\n'],
  ['GET', '/openapi/v3/apis/apps/v1%2f', 404, ''],
])('%s %s is answered %i, as by kube-apiserver 1.36', async (method, path, status, words) => {
  const { text, ...answer } = await server.send({ method, path, ...(method === 'POST' ? { contentType: 'application/json', raw: '{"metadata":{"name":"a"}}' } : {}) });
  const { message, kind } = text.startsWith('{') ? JSON.parse(text) : { message: text, kind: '' };
  expect([answer.status, message ?? kind]).toEqual([status, words]);
});

test('nothing is created in no namespace', async () => {
  const kinds = goldenFile<{ path: string; object: { metadata: { namespace?: string } } }[]>('one-of-each-kind.json');
  const inNamespaces = kinds.filter(({ path }) => /\/namespaces\/[^/]+\//.test(path));
  expect(inNamespaces.length).toBeGreaterThan(20);
  for (const { path, object } of inNamespaces) {
    delete object.metadata.namespace;
    const { status } = await server.send({ method: 'POST', path: path.replace(/(?<=\/namespaces\/)[^/]+/, ''), contentType: 'application/json', body: object });
    expect({ path, refused: status >= 400 }).toEqual({ path, refused: true });
  }
});

test.each(['9007199254740992', '9223372036854775808', '18446744073709551615'])('a revision of %s is one to come', async (revision) => {
  const get = (path: string) => server.send({ method: 'GET', path });
  for (const query of ['', '&resourceVersionMatch=Exact', '&limit=1', '&resourceVersionMatch=NotOlderThan'])
    expect(await get(`${configmaps}?resourceVersion=${revision}${query}`)).toMatchObject({ status: 504, headers: { 'retry-after': '1' }, text: expect.stringContaining('"reason":"ResourceVersionTooLarge"') });
  expect(await get(`${configmaps}/none?resourceVersion=${revision}`)).toMatchObject({ status: 504 });
  const watch = `${configmaps}?watch=1&timeoutSeconds=1&resourceVersion=${revision}`;
  expect(await get(watch)).toMatchObject({ status: 200, text: '' });
  expect((await get(`${watch}&sendInitialEvents=true&resourceVersionMatch=NotOlderThan`)).text).toMatch(/^\{"type":"ERROR",.*"ResourceVersionTooLarge"/);
});

test('numbers of the query are int64s, a watch of no seconds has a default, and a request of no time none', async () => {
  const get = (query: string) => server.send({ method: 'GET', path: `${configmaps}?${query}` });
  for (const most of ['9223372036854775807', '-9223372036854775808', '+0000000000000000000000001'])
    expect(await get(`timeoutSeconds=${most}&limit=${most}`.replaceAll('+', '%2B'))).toMatchObject({ status: 200 });
  for (const more of ['9223372036854775808', '-9223372036854775809'])
    expect(await get(`limit=${more}`)).toMatchObject({ status: 400, text: expect.stringContaining('value out of range') });
  for (const path of [configmaps, '/readyz', '/nowhere'])
    expect(await server.send({ method: 'GET', path: `${path}?timeout=1ns` })).toMatchObject({ status: 504 });
  const lines: string[] = [];
  const end = new AbortController();
  const watch = server.stream({ method: 'GET', path: `${configmaps}?watch=1&timeoutSeconds=0&resourceVersion=0` }, (line) => lines.push(line), end.signal);
  await server.send({ method: 'POST', path: configmaps, contentType: 'application/json', body: { metadata: { name: 'watched' } } });
  await expect.poll(() => lines.map((line) => JSON.parse(line).object.metadata.name)).toContain('watched');
  end.abort();
  await watch.catch(() => undefined);
});

test('paths are those of Go’s routers: the version with slashes behind it, the index under two names, all of the server as *', async () => {
  const get = async (path: string) => JSON.parse((await server.send({ method: 'GET', path })).text);
  expect(await get('/version//')).toHaveProperty('gitVersion');
  expect((await get('/index.html')).paths).toContain('/metrics');
  expect(await server.send({ method: 'OPTIONS', path: '*' })).toMatchObject({ status: 200, text: '' });
});

test('a content type that is none is not taken for JSON', async () => {
  const body = { metadata: { name: 'of-no-type' } };
  expect(await server.send({ method: 'POST', path: configmaps, contentType: ';;;', body })).toMatchObject({ status: 415 });
  const gzipped = await server.send({ method: 'POST', path: configmaps, contentType: 'application/json', raw: '\u001f' });
  expect(JSON.parse(gzipped.text).message).toContain("json parse error: invalid character '\\x1f' looking for beginning of value");
});

test('a body over 3 MiB is refused with 413, and the server goes on', async () => {
  const raw = JSON.stringify({ metadata: { name: 'big' }, data: { a: 'x'.repeat(3 * 1024 * 1024) } });
  const sent = await server
    .send({ method: 'POST', path: configmaps, contentType: 'application/json', raw })
    .catch((error: NodeJS.ErrnoException) => error.code);
  // A client that is still writing may see the connection end instead of the answer.
  expect([413, 'ECONNRESET', 'EPIPE']).toContain(typeof sent === 'object' ? sent.status : sent);
  expect(await server.send({ method: 'GET', path: `${configmaps}/big` })).toMatchObject({ status: 404 });
});

test('without a certificate there is the version and the health, and 403 for everything else', async () => {
  const bare = (path: string) => server.send({ method: 'GET', path, certificate: false });
  for (const path of ['/version', '/healthz', '/livez', '/readyz']) expect(await bare(path)).toMatchObject({ status: 200 });
  for (const path of ['/api', '/apis', '/metrics', configmaps, '/openapi/v3'])
    expect(await bare(path)).toMatchObject({ status: 403 });
  expect(JSON.parse((await bare(configmaps)).text).message).toBe(
    'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "default"',
  );
});

test('acting as another user has that user’s rights, not the caller’s', async () => {
  const as = (headers: Record<string, string>, path = configmaps) => server.send({ method: 'GET', path, headers });
  expect(await as({ 'Impersonate-User': 'jane' })).toMatchObject({ status: 403 });
  expect(await as({ 'Impersonate-User': 'jane', 'Impersonate-Group': 'system:masters' })).toMatchObject({ status: 200 });
  expect(await as({ 'Impersonate-User': 'system:anonymous' }, '/api')).toMatchObject({ status: 403 });
  expect(await as({ 'Impersonate-Group': 'system:masters' })).toMatchObject({
    status: 400,
    text: expect.stringContaining(
      JSON.stringify('requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"system:masters"}, Extra:map[string][]string(nil)} without impersonating a user name'),
    ),
  });
  const account = { 'Impersonate-User': 'system:serviceaccount:default:default' };
  expect(await as(account, '/api')).toMatchObject({ status: 200 });
  expect(await as(account)).toMatchObject({ status: 403 });
});

test('a body without a name, or with another, is refused in one way wherever it is sent', async () => {
  const path = `${configmaps}/named`;
  const json = 'application/json';
  const made = await server.send({ method: 'POST', path: configmaps, contentType: json, body: { metadata: { name: 'named' } } });
  expect(made.status).toBe(201);
  const merge = 'application/merge-patch+json';
  for (const [name, what] of [
    [null, '(named based on URL) was undeterminable: name must be provided'],
    ['', '(named based on URL) was undeterminable: name must be provided'],
    ['other', '(other) does not match the name on the URL (named)'],
  ] as const)
    for (const [method, contentType] of [['PUT', json], ['PATCH', merge]] as const) {
      const { status, text } = await server.send({ method, path, contentType, body: { metadata: { name } } });
      expect([status, JSON.parse(text).message]).toEqual([400, `the name of the object ${what}`]);
    }
});

test('whom someone acts as is what each header says, commas and all', async () => {
  const as = async (headers: Record<string, string | string[]>) => {
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const { status, text } = await server.send({ method: 'POST', path, contentType: 'application/json', body: {}, headers });
    return status === 201 ? JSON.parse(text).status.userInfo : status;
  };
  const authenticated = 'system:authenticated';
  expect(await as({ 'Impersonate-User': 'jane', 'Impersonate-Group': 'cn=a,ou=b' })).toEqual({
    username: 'jane',
    groups: ['cn=a,ou=b', authenticated],
  });
  const extra = { 'Impersonate-Extra-Scopes': ['a, b', 'c'], 'Impersonate-Extra-Acme.com%2FKey%41': 'x' };
  expect(await as({ 'Impersonate-User': 'a, b', 'Impersonate-Group': ['one, two', 'three'], ...extra })).toEqual({
    username: 'a, b',
    groups: ['one, two', 'three', authenticated],
    extra: { scopes: ['a, b', 'c'], 'acme.com/keyA': ['x'] },
  });
  // Of several users the first counts, as for Go's Header.Get.
  expect(await as({ 'Impersonate-User': ['jane', 'joe'], 'Impersonate-Uid': ['1', '2'] })).toMatchObject({ username: 'jane', uid: '1' });
  expect(await as({ 'Impersonate-User': '', 'Impersonate-Group': 'a' })).toBe(400);
  const bytes = (text: string) => Buffer.from(text).toString('latin1');
  const get = async (path: string, headers: Record<string, string>) =>
    JSON.parse((await server.send({ method: 'GET', path, headers })).text).message;
  expect(await get(configmaps, { 'Impersonate-User': bytes('日本') })).toContain('User "日本" cannot list resource "configmaps"');
  const nobody = { 'Impersonate-Group': bytes('é "q"'), 'Impersonate-Extra-a%00%7F': 'x' };
  expect(await get('/version', nobody)).toBe(
    'requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"é \\"q\\""}, Extra:map[string][]string{"a\\x00\\x7f":[]string{"x"}}} without impersonating a user name',
  );
  expect(await as({ 'Impersonate-User': '' })).toMatchObject({ username: 'admin' });
});

test('a client that goes away in the middle of its body leaves nothing behind', async () => {
  const socket = await tls();
  socket.write(`POST ${configmaps} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"meta`);
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.destroy();
  const tcp = connectTcp(server.port, '127.0.0.1');
  tcp.write('not a TLS handshake');
  await new Promise((resolve) => tcp.once('close', resolve));
  expect(await server.send({ method: 'GET', path: '/readyz' })).toMatchObject({ status: 200, text: 'ok' });
});

test('an answer of 128 KiB and more is compressed for those who accept it', async () => {
  const body = { metadata: { name: 'long' }, data: { a: 'x'.repeat(200_000) } };
  await server.send({ method: 'POST', path: configmaps, contentType: 'application/json', body });
  const headers = { 'accept-encoding': 'gzip' };
  const long = await server.send({ method: 'GET', path: `${configmaps}/long`, headers });
  expect(long.headers['content-encoding']).toBe('gzip');
  expect(Number(long.headers['content-length'])).toBeLessThan(10_000);
  for (const refusing of ['gzip;q=0', 'xgzip', 'identity', 'br']) {
    const plain = await server.send({ method: 'GET', path: `${configmaps}/long`, headers: { 'accept-encoding': refusing } });
    expect([plain.headers['content-encoding'], plain.text.length > 200_000]).toEqual([undefined, true]);
  }
  const schema = await server.send({ method: 'GET', path: '/openapi/v2', headers: { 'accept-encoding': 'br, gzip' } });
  expect(schema.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Accept-Encoding, Accept' });
  const short = await server.send({ method: 'GET', path: '/version', headers });
  expect(short.headers['content-encoding']).toBeUndefined();
});

test('yaml goes in and comes out', async () => {
  const raw = 'metadata:\n  name: "y"\ndata:\n  a: "1"\n';
  const created = await server.send({ method: 'POST', path: configmaps, contentType: 'application/yaml', raw, accept: 'application/yaml' });
  expect(created).toMatchObject({ status: 201, headers: { 'content-type': 'application/yaml' } });
  expect(created.text).toContain('name: "y"\n');
});

// The words of kube-apiserver 1.36's decoder, which reads YAML 1.1 by sigs.k8s.io/yaml.
test('YAML with a key twice warns, is read in silence, or is refused, as the request wants', async () => {
  const send = async (query: string, raw: string) => {
    const path = `${configmaps}?dryRun=All${query}`;
    const { headers, text } = await server.send({ method: 'POST', path, contentType: 'application/yaml', raw });
    return { headers, body: JSON.parse(text) };
  };
  const twice = 'metadata:\n  name: t\ndata:\n  a: "1"\n  a: "2"\n  0777: "3"\ndat: {}\n';
  const warned = await send('', twice);
  expect(warned.headers['warning']).toBe('299 - "line 5: key \\"a\\" already set in map", 299 - "unknown field \\"dat\\""');
  expect(warned.body).toMatchObject({ data: { a: '2', 511: '3' } });
  expect((await send('&fieldValidation=Ignore', twice)).headers['warning']).toBeUndefined();
  const cannot = 'ConfigMap in version "v1" cannot be handled as a ConfigMap: ';
  const strict = 'strict decoding error: yaml: unmarshal errors:\n  line 5: key "a" already set in map, unknown field "dat"';
  expect((await send('&fieldValidation=Strict', twice)).body).toMatchObject({ code: 400, message: `${cannot}${strict}` });
  const yes = 'json: cannot unmarshal bool into Go struct field ConfigMap.data of type string';
  expect((await send('', 'metadata: { name: y }\n')).body.message).toContain('cannot unmarshal bool into Go struct field');
  expect((await send('', 'data:\n  a: yes\n')).body.message).toBe(`${cannot}${yes}`);
  const raw = 'metadata:\n  name: x\n   labels: {}\n';
  expect((await send('', raw)).body.message).toBe(
    'the object provided is unrecognized (must be of type ConfigMap): yaml: line 3: mapping values are not allowed in this context' +
      ` (${Buffer.from(raw.slice(0, 30)).toString('hex')} ...)`,
  );
  expect((await send('', '# nothing\n')).body.message).toContain('name or generateName is required');
});

test('a name that is but a segment of a path may be generated from any beginning of one', async () => {
  const generated = async (generateName: string) => {
    const body = { metadata: { generateName }, involvedObject: { namespace: 'default' } };
    const { text } = await server.send({ method: 'POST', path: '/api/v1/namespaces/default/events?dryRun=All', body });
    return JSON.parse(text);
  };
  for (const beginning of ['.', '..', '-'])
    expect((await generated(beginning)).metadata.name.slice(0, -5)).toBe(beginning);
  expect(await generated('/')).toMatchObject({ code: 422, details: { causes: [{ message: 'Invalid value: "/": may not contain \'/\'' }, {}] } });
});

test('an unknown field warns, is dropped in silence, or is refused, as the request wants', async () => {
  const body = { metadata: { name: 'u' }, dat: {} };
  const send = (query: string) =>
    server.send({ method: 'POST', path: `${configmaps}?dryRun=All${query}`, contentType: 'application/json', body });
  expect((await send('')).headers['warning']).toBe('299 - "unknown field \\"dat\\""');
  expect((await send('&fieldValidation=Ignore')).headers['warning']).toBeUndefined();
  expect(await send('&fieldValidation=Strict')).toMatchObject({ status: 400 });
});

test('an upgrade to exec without a pod is refused before the protocol changes', async () => {
  const socket = await tls();
  socket.write('GET /api/v1/namespaces/default/pods/nope/exec?command=ls HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  const [line] = String(await new Promise((resolve) => socket.once('data', resolve))).split('\r\n');
  expect(line).toMatch(/^HTTP\/1\.1 4\d\d/);
  socket.destroy();
});

test('a body of 100 MB is refused before it is read', async () => {
  const socket = await tls();
  const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  socket.write(`POST ${configmaps} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000000\r\n\r\n`);
  expect(await answer).toMatch(/^HTTP\/1\.1 413 /);
  socket.destroy();
});

test('JSON and YAML nested ten thousand deep are refused, and the server goes on', async () => {
  const deep = '['.repeat(10_000) + ']'.repeat(10_000);
  for (const contentType of ['application/json', 'application/yaml']) {
    const raw = `{"metadata":{"name":"deep"},"data":{"a":${deep}}}`;
    expect(await server.send({ method: 'POST', path: configmaps, contentType, raw })).toMatchObject({ status: 400 });
  }
  const status = await server.send({ method: 'GET', path: '/readyz' });
  expect(status).toMatchObject({ status: 200 });
});

test('a YAML bomb is refused, not unfolded', async () => {
  const lists = Array.from({ length: 12 }, (_, i) => `  a${i}: &a${i} [${Array(10).fill(i === 0 ? 'x' : `*a${i - 1}`).join(', ')}]`);
  const raw = `metadata:\n  name: bomb\ndata:\n${lists.join('\n')}\n`;
  expect(await server.send({ method: 'POST', path: configmaps, contentType: 'application/yaml', raw })).toMatchObject({ status: 400 });
});

test('of bytes that are not UTF-8 JSON has each replaced, and YAML is refused', async () => {
  const bytes = (text: string) => Buffer.from(text, 'latin1');
  const json = await server.send({ method: 'POST', path: `${configmaps}?dryRun=All`, contentType: 'application/json', raw: bytes('{"metadata":{"name":"a"},"data":{"a":"\xf0\x9f\x98y"}}') });
  expect(JSON.parse(json.text).data).toEqual({ a: '\ufffd\ufffd\ufffdy' });
  const yaml = await server.send({ method: 'POST', path: configmaps, contentType: 'application/yaml', raw: bytes('metadata: {name: a}\ndata: {a: "\xff"}\n') });
  const summary = `${Buffer.from('metadata: {name: a}\ndata: {a: ').toString('hex')} ...`;
  expect(JSON.parse(yaml.text)).toMatchObject({ code: 400, message: `the object provided is unrecognized (must be of type ConfigMap): yaml: invalid leading UTF-8 octet (${summary})` });
  for (const raw of ['{"data":{"a":"\xc3y"}}', 'data: {a: "\xc3y"}']) {
    const applied = await server.send({ method: 'PATCH', path: `${configmaps}/a?fieldManager=m`, contentType: 'application/apply-patch+yaml', raw: bytes(raw) });
    expect(JSON.parse(applied.text)).toMatchObject({ code: 400, message: 'error decoding YAML: error converting YAML to JSON: yaml: invalid trailing UTF-8 octet' });
  }
});

test('names are quoted as Go quotes them', async () => {
  const create = async (name: string, query: string) => JSON.parse((await server.send({ method: 'POST', path: `${configmaps}?${query}`, contentType: 'application/json', body: { metadata: { name: 'a' }, [name]: 1 } })).text).message;
  const invalid = JSON.parse((await server.send({ method: 'POST', path: configmaps, contentType: 'application/json', body: { metadata: { name: '"\u0085' } } })).text);
  expect(invalid.message).toContain('ConfigMap "\\"\\u0085" is invalid: metadata.name: Invalid value: "\\"\\u0085"');
  expect(await create('x\ufeff', 'fieldValidation=Strict')).toContain('strict decoding error: unknown field "x\\ufeff"');
});

test('bytes that are not UTF-8 never come back as they were, and change no other key', async () => {
  const socket = await tls();
  const body = Buffer.concat([Buffer.from('{"metadata":{"name":"utf"},"data":{"a":"'), Buffer.from([0xff, 0xfe, 0xc0]), Buffer.from('"}}')]);
  const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  socket.write(`POST ${configmaps} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`);
  socket.write(body);
  // Go's JSON decoder puts U+FFFD for each byte that is none.
  expect(await answer).toMatch(/^HTTP\/1\.1 201 /);
  const { text } = await server.send({ method: 'GET', path: `${configmaps}/utf` });
  expect(JSON.parse(text).data).toEqual({ a: '\ufffd\ufffd\ufffd' });
  socket.destroy();
});

test('a hundred connections that say nothing hold nobody up', async () => {
  const idle = Array.from({ length: 100 }, () => connectTcp(server.port, '127.0.0.1').on('error', () => undefined));
  const half = await Promise.all(Array.from({ length: 10 }, () => tls()));
  for (const socket of half) socket.write(`POST ${configmaps} HTTP/1.1\r\nHost: x\r\nContent-Le`);
  expect(await server.send({ method: 'GET', path: '/readyz' })).toMatchObject({ status: 200 });
  for (const socket of [...idle, ...half]) socket.destroy();
});

async function tls(): Promise<TLSSocket> {
  const client = await server.authority.issue('CN=admin, O=system:masters', 'client');
  const socket = connect({ port: server.port, host: '127.0.0.1', ca: server.authority.cert, ...client });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  socket.on('error', () => undefined);
  return socket;
}

test.each([
  ['/openapi/v2', {}],
  ['/openapi/v3/apis/apps/v1', {}],
  ['/apis', { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' }],
])('who has %s already is told so, and does not get it again', async (path, more) => {
  const ask = (headers: Record<string, string>) => server.send({ method: 'GET', path, headers: { ...more, ...headers } });
  const { status, headers } = await ask({});
  const etag = headers['etag'] as string;
  expect([status, etag]).toEqual([200, expect.stringMatching(/^"[0-9A-F]{128}"$/)]);
  for (const known of [etag, `"x", W/${etag}`, '*']) {
    const again = await ask({ 'if-none-match': known });
    expect([again.status, again.text, again.headers['etag']]).toEqual([304, '', etag]);
  }
  expect(await ask({ 'if-none-match': '"x"' })).toMatchObject({ status: 200 });
});

test('a Scale is printed with what is wanted and what is there', async () => {
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const body = { metadata: { name: 'scaled' }, spec: { replicas: 3, selector: { matchLabels: { a: 'b' } }, template } };
  await server.send({ method: 'POST', path, contentType: 'application/json', body });
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const { text } = await server.send({ method: 'GET', path: `${path}/scaled/scale`, accept });
  const { columnDefinitions, rows } = JSON.parse(text);
  expect(columnDefinitions.map(({ name }: { name: string }) => name)).toEqual(['Name', 'Desired', 'Available', 'Age']);
  expect(rows[0]).toMatchObject({ cells: ['scaled', 3, 0, expect.any(String)], object: { kind: 'PartialObjectMetadata' } });
});

test.each<[method: string, path: string, body: unknown, status: number, message: string, contentType?: string]>([
  ['GET', '?watch=true&continue=x', undefined, 422, 'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided'],
  ['GET', '?watch=true&sendInitialEvents=true&resourceVersionMatch=Exact', undefined, 422, 'resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, resourceVersionMatch: Unsupported value: "Exact"'],
  ['GET', '?sendInitialEvents=true&resourceVersionMatch=Foo', undefined, 422, 'resourceVersion is provided, resourceVersionMatch: Unsupported value: "Foo": supported values: "Exact", "NotOlderThan", "", sendInitialEvents: Forbidden'],
  ['GET', '?fieldSelector=metadata.name=a%5C', undefined, 400, 'invalid field selector: invalid escape sequence: \\'],
  ['GET', '?labelSelector=x.y/z/w', undefined, 400, "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and"],
  ['POST', '/../pods/%2e%2e/proxy/x', {}, 400, 'Name parameter invalid: ".."'],
  ['POST', '/../pods/a%25b/exec?command=a', {}, 400, 'Name parameter invalid: "a%b"'],
  ['POST', '/../serviceaccounts/%2e%2e/token', { spec: {} }, 400, 'Name parameter invalid: ".."'],
  ['POST', '/../pods/%2e%2e/eviction', {}, 400, 'name in URL does not match name in Eviction object'],
  ['POST', '', { metadata: { name: 'of-no-parameter' } }, 415, 'the body of the request was in an unknown format', 'application/json;a='],
  ['PATCH', '/patched', {}, 400, 'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp', 'application/json-patch+json'],
  ['PATCH', '/patched', [1], 400, 'error decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp', 'application/json-patch+json'],
  ['PATCH', '/patched', [], 400, 'error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}', 'application/merge-patch+json'],
  ['PATCH', '/patched', 'null', 400, 'Invalid JSON Patch', 'application/merge-patch+json'],
  ['PATCH', '/patched', [], 400, 'json: cannot unmarshal array into Go value of type map[string]interface {}', 'application/strategic-merge-patch+json'],
  ['POST', '/../secrets', { type: 'kubernetes.io/dockerconfigjson', metadata: { name: 's' }, stringData: { '.dockerconfigjson': '[1]' } }, 422, '"<secret contents redacted>": json: cannot unmarshal array into Go value of type map[string]interface {}'],
  ['POST', '/../secrets', { type: 'kubernetes.io/dockercfg', metadata: { name: 's' }, stringData: { '.dockercfg': '{' } }, 422, '"<secret contents redacted>": unexpected end of JSON input'],
  ['GET', '/../services/none/proxy/', undefined, 404, 'services "none" not found'],
])('%s configmaps%s is refused in upstream’s words', async (method, path, body, status, message, contentType = 'application/json') => {
  // What is not there is told before what is wrong with a patch.
  if (method === 'PATCH') await server.send({ method: 'POST', path: configmaps, contentType: 'application/json', body: { metadata: { name: 'patched' } } });
  const raw = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
  const answer = await server.send({ method, path: `${configmaps}${path}`.replace('configmaps/../', ''), contentType, raw });
  expect([answer.status, JSON.parse(answer.text).message]).toEqual([status, expect.stringContaining(message)]);
});

const struct = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';
const unregistered = (kind: string, version: string) => `no kind "${kind}" is registered for version "${version}" in scheme "pkg/runtime/scheme.go:111"`;
test.each([
  ['{', "couldn't get version/kind; json parse error: unexpected end of JSON input"],
  ['[]', `couldn't get version/kind; json parse error: json: cannot unmarshal array into Go value of type ${struct}`],
  ['{"kind":5}', "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string"],
  ['{"kind":"Pod","apiVersion":"v1"}', unregistered('Pod', 'v1')],
  ['{"kind":"Pod"}', unregistered('Pod', 'meta.k8s.io/v1')],
  ['{"kind":"Status","apiVersion":"v1"}', 'converting (v1.Status) to (v1.DeleteOptions): unknown conversion'],
  ['{"kind":"DeleteOptions","apiVersion":"a/b/c"}', 'unexpected GroupVersion string: a/b/c'],
  ['{"gracePeriodSeconds":"x"}', 'json: cannot unmarshal string into Go struct field DeleteOptions.gracePeriodSeconds of type int64'],
  ['a: b: c', 'yaml: mapping values are not allowed in this context', 'application/yaml'],
  ['garbage', 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]', 'application/vnd.kubernetes.protobuf'],
  ['k8s\0\n\t\n\x02v1\x12\x03Foo', unregistered('Foo', 'v1'), 'application/vnd.kubernetes.protobuf'],
  ['null', 'configmaps "gone" not found'],
  ['# nothing', 'configmaps "gone" not found', 'application/yaml'],
  ['{"kind":"DeleteOptions","apiVersion":"any/v9","unknown":1}', 'configmaps "gone" not found'],
  ['{"propagationPolicy":""}', 'propagationPolicy: Unsupported value: "": supported values: "Foreground", "Background", "Orphan", "nil"'],
])('a deletion with %j is answered in upstream’s words', async (raw, message, contentType = 'application/json') => {
  const path = `${configmaps}/gone?fieldValidation=Strict`;
  const { headers, text } = await server.send({ method: 'DELETE', path, contentType, raw });
  expect([JSON.parse(text).message.replace('DeleteOptions.meta.k8s.io "" is invalid: ', ''), headers['warning']]).toEqual([message, undefined]);
});

test.each([
  ['gracePeriodSeconds=', 'strconv.ParseInt: parsing "": invalid syntax'],
  ['propagationPolicy=', 'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: ""'],
  ['uid=x', 'Precondition failed: UID in precondition: x, UID in object meta: '],
  ['resourceVersion=1', 'Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: '],
])('a deletion with ?%s deletes nothing', async (query, message) => {
  const path = `/api/v1/namespaces/kube-system?dryRun=All&${query}`;
  expect(JSON.parse((await server.send({ method: 'DELETE', path })).text).message).toContain(message);
});

const tooLong = 'a'.repeat(254);
test.each([
  ['/api/v1/namespaces/default/replicationcontrollers', { name: tooLong }, 'metadata.name', 'bytes'],
  ['/apis/resource.k8s.io/v1/deviceclasses', { name: tooLong }, 'metadata.name', 'bytes'],
  ['/apis/apps/v1/namespaces/default/replicasets', { name: tooLong }, 'metadata.name', 'characters'],
])('%s of a name that is too long is told in what it is counted', async (path, metadata, field, unit) => {
  const answer = await server.send({ method: 'POST', path, contentType: 'application/json', body: { metadata } });
  const [first] = JSON.parse(answer.text).details.causes;
  expect([first.field, first.message]).toEqual([field, `Invalid value: "${tooLong}": must be no more than 253 ${unit}`]);
});

test('a claim whose source names a group is not told what groups there may be when it changes', async () => {
  const path = '/api/v1/namespaces/default/persistentvolumeclaims';
  const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, storageClassName: 'x' };
  const dataSourceRef = { apiGroup: 'a.io', kind: 'Thing', name: 'x' };
  const change = async (name: string, apiGroup: string) => {
    const body = { spec: { dataSourceRef: { ...dataSourceRef, apiGroup } } };
    const { text } = await server.send({ method: 'PATCH', path: `${path}/${name}`, contentType: 'application/merge-patch+json', body });
    return JSON.parse(text).details.causes.map((cause: { field: string }) => cause.field);
  };
  const made = [{ metadata: { name: 'sourced' }, spec: { ...spec, dataSourceRef } }, { metadata: { name: 'plain' }, spec }];
  for (const body of made) await server.send({ method: 'POST', path, contentType: 'application/json', body });
  expect(await change('sourced', 'A_b')).toEqual(['spec', 'spec']);
  expect(await change('plain', 'A_b')).toEqual(['spec.dataSource.apiGroup', 'spec.dataSourceRef.apiGroup', 'spec']);
});

test('what a new object cannot have is nobody’s', async () => {
  const body = { metadata: { name: 'wiped', deletionGracePeriodSeconds: 3, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  const { text } = await server.send({ method: 'POST', path: `${configmaps}?dryRun=All`, contentType: 'application/json', body });
  expect(JSON.parse(text).metadata).not.toHaveProperty('managedFields');
});
