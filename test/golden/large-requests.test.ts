import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer } from '../harness/api-server.ts';
import { collectGarbage } from '../harness/collect-garbage.ts';
import { eventually } from '../harness/eventually.ts';
import { aWebhookServer } from '../harness/webhook-server.ts';
import { allow, patch } from '../harness/webhook-world.ts';

let server: Awaited<ReturnType<typeof anApiServer>>;

beforeAll(async () => {
  server = await anApiServer();
  for (const body of [lists, anything]) await server.send({ method: 'POST', path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', contentType: json, body });
  await server.send({ method: 'POST', path: '/api/v1/namespaces/default/serviceaccounts', contentType: json, body: { metadata: { name: 'default' } } });
  for (const path of [customs, frees]) await eventually(async () => (await server.send({ method: 'GET', path })).status === 200);
});
afterAll(() => server[Symbol.asyncDispose]());

const json = 'application/json';
const configmaps = '/api/v1/namespaces/default/configmaps';
const customs = '/apis/example.com/v1/namespaces/default/lists';
const frees = '/apis/example.com/v1/namespaces/default/frees';
const pods = '/api/v1/namespaces/default/pods';

const schema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      properties: {
        numbers: { type: 'array', items: { type: 'integer' } },
        more: { type: 'string', default: 'filled in' },
      },
    },
  },
};
const lists = {
  metadata: { name: 'lists.example.com' },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'lists', kind: 'List' },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
  },
};

const column = { name: 'Spec', type: 'string', jsonPath: '.spec' };
const anything = {
  metadata: { name: 'frees.example.com' },
  spec: {
    ...lists.spec,
    names: { plural: 'frees', kind: 'Free' },
    versions: [{ ...lists.spec.versions[0], schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }, additionalPrinterColumns: [column] }],
  },
};

const entries = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, `${i}`]));
const aConfigMap = (name: string, count: number) => ({ metadata: { name }, data: entries(count) });

/** The most that this thread, which is the server's and the client's, computed without letting others in; in ms. */
async function longestTurn(run: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let before = process.threadCpuUsage();
  const look = () => {
    const now = process.threadCpuUsage();
    longest = Math.max(longest, (now.user - before.user + now.system - before.system) / 1000);
    before = now;
  };
  const timer = setInterval(look, 1);
  await run();
  look();
  clearInterval(timer);
  return longest;
}

test('a ConfigMap of 20,000 keys is kept, with who owns each, and changed by a small patch', async () => {
  const created = await server.send({ method: 'POST', path: configmaps, contentType: json, body: aConfigMap('keys', 20_000) });
  expect(created.status).toBe(201);
  const { metadata, data } = JSON.parse(created.text);
  expect(Object.keys(data)).toHaveLength(20_000);
  expect(Object.keys(metadata.managedFields[0].fieldsV1['f:data'])).toHaveLength(20_001);
  const patch = { method: 'PATCH', path: `${configmaps}/keys`, contentType: 'application/merge-patch+json', body: { data: { k0: 'changed', k1: null } } };
  expect(JSON.parse((await server.send(patch)).text).data).toMatchObject({ k0: 'changed', k2: '2' });
  const stored = JSON.parse((await server.send({ method: 'GET', path: `${configmaps}/keys` })).text);
  expect(Object.keys(stored.data)).toHaveLength(19_999);
  expect(stored.metadata.uid).toBe(metadata.uid);
  expect(await server.send({ method: 'DELETE', path: `${configmaps}/keys` })).toMatchObject({ status: 200 });
});

test('a Pod of 10,000 variables is checked, filled and kept as a small one is', async () => {
  const env = Array.from({ length: 10_000 }, (_, i) => ({ name: `E${i}`, value: 'v' }));
  const pod = (name: string) => ({ metadata: { name }, spec: { containers: [{ name: 'c', image: 'i', env }] } });
  const created = await server.send({ method: 'POST', path: pods, contentType: json, body: pod('large') });
  expect(created.status).toBe(201);
  const { spec } = JSON.parse(created.text);
  expect(spec.containers[0].env).toHaveLength(10_000);
  expect(spec).toMatchObject({ serviceAccountName: 'default', restartPolicy: 'Always', tolerations: [{}, {}] });
  const wrong = await server.send({ method: 'POST', path: pods, contentType: json, body: pod('Large') });
  expect(wrong.status).toBe(422);
  expect(JSON.parse(wrong.text).message).toMatch(/^Pod "Large" is invalid: metadata\.name: Invalid value: "Large": a lowercase RFC 1123/);
});

test('a custom resource of 100,000 numbers is filled, kept and told to watchers', async () => {
  const body = { apiVersion: 'example.com/v1', kind: 'List', metadata: { name: 'numbers' }, spec: { numbers: Array(100_000).fill(7) } };
  const end = new AbortController();
  const seen: string[] = [];
  const watch = server.stream({ method: 'GET', path: `${customs}?watch=1` }, (line) => seen.push(line), end.signal).catch(() => undefined);
  const created = await server.send({ method: 'POST', path: customs, contentType: json, body });
  expect(created.status).toBe(201);
  expect(JSON.parse(created.text).spec).toEqual({ ...body.spec, more: 'filled in' });
  await expect.poll(() => seen.length).toBe(1);
  expect(JSON.parse(seen[0] ?? '')).toMatchObject({ type: 'ADDED', object: { spec: { more: 'filled in' } } });
  end.abort();
  await watch;
  const found = JSON.parse((await server.send({ method: 'GET', path: `${customs}/numbers` })).text);
  expect(found).toEqual(JSON.parse(created.text));
  const list = JSON.parse((await server.send({ method: 'GET', path: customs })).text);
  expect(list.items).toEqual([found]);
});

test('large YAML, protobuf and apply configurations are read as small ones are', async () => {
  const yaml = `metadata:\n  name: yaml\ndata:\n${Array.from({ length: 5000 }, (_, i) => `  k${i}: "${i}"\n`).join('')}`;
  const fromYaml = await server.send({ method: 'POST', path: configmaps, contentType: 'application/yaml', raw: yaml });
  expect(JSON.parse(fromYaml.text).data).toEqual(entries(5000));
  const apply = { method: 'PATCH', path: `${configmaps}/applied?fieldManager=me`, contentType: 'application/apply-patch+yaml' };
  const config = { apiVersion: 'v1', kind: 'ConfigMap', ...aConfigMap('applied', 5000) };
  const applied = await server.send({ ...apply, body: config });
  expect(applied.status).toBe(201);
  expect(JSON.parse(applied.text)).toMatchObject({ data: entries(5000), metadata: { managedFields: [{ manager: 'me', operation: 'Apply' }] } });
  const proto = Buffer.concat([Buffer.from('k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\xe0\xa7\x12', 'latin1'), Buffer.alloc(300_000, Buffer.from([0x12, 0]))]);
  const fromProto = await server.send({ method: 'POST', path: configmaps, contentType: 'application/vnd.kubernetes.protobuf', raw: proto });
  expect({ status: fromProto.status, message: JSON.parse(fromProto.text).message }).toEqual({
    status: 422,
    message: expect.stringMatching(/^ConfigMap "" is invalid: \[?metadata\.name: Required value: name or generateName is required/),
  });
});

test('large refusals and warnings come as small ones do', async () => {
  const many = JSON.stringify({ ...aConfigMap('refused', 20_000), nonsense: 1 });
  const post = (query: string) => server.send({ method: 'POST', path: configmaps + query, contentType: json, raw: many });
  const strict = await post('?fieldValidation=Strict');
  expect(JSON.parse(strict.text).message).toBe('ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "nonsense"');
  expect((await post('?dryRun=All')).headers['warning']).toBe('299 - "unknown field \\"nonsense\\""');
  const name = await server.send({ method: 'POST', path: configmaps, contentType: json, body: { metadata: { name: 'a'.repeat(1_000_000) } } });
  expect(name.status).toBe(422);
  expect(JSON.parse(name.text)).toMatchObject({ kind: 'Status', reason: 'Invalid' });
  const stored = await server.send({ method: 'GET', path: `${configmaps}/refused` });
  expect(stored.status).toBe(404);
});

const deep = (levels: number, inside: unknown) => `${'{"a":'.repeat(levels)}${inside}${'}'.repeat(levels)}`;
const free = (name: string, spec: string) => `{"apiVersion":"example.com/v1","kind":"Free","metadata":{"name":"${name}"},"spec":${spec}}`;

test('what nests as deep as Go’s decoders go is kept, changed, shown and deleted', async () => {
  const send = async (method: string, name: string, raw?: string, contentType = json, accept = json) => {
    const answer = await server.send({ method, path: `${frees}${name && `/${name}`}`, contentType, raw, accept });
    return [answer.status, answer.text] as const;
  };
  // More than a number holds: V8 writes these by calls of calls.
  const spec = deep(9990, '[1234567890123456789]');
  const [status, text] = await send('POST', '', free('deep', spec));
  expect([status, text.includes(spec), text.includes(`"fieldsV1":{"f:spec":{".":{}${',"f:a":{".":{}'.repeat(9989)}`)]).toEqual([201, true, true]);
  const end = new AbortController();
  const seen: string[] = [];
  const tables: string[] = [];
  const follow = (to: string[], accept: string) => server.stream({ method: 'GET', path: `${frees}?watch=1`, accept }, (line) => to.push(line), end.signal).catch(() => undefined);
  const asTable = 'application/json;as=Table;g=meta.k8s.io;v=v1';
  const watches = [follow(seen, json), follow(tables, asTable)];
  await expect.poll(() => [seen.length, tables.length]).toEqual([1, 1]);
  expect(seen[0]).toContain(spec);
  expect(tables[0]).toContain(spec.replaceAll('"', '\\"'));
  const merge = 'application/merge-patch+json';
  const labelled = await send('PATCH', 'deep', `{"metadata":{"labels":{"a":"b"}},"spec":${deep(9980, '{"b":1}')}}`, merge);
  expect([labelled[0], labelled[1].includes('"b":1')]).toEqual([200, true]);
  expect((await send('PATCH', 'deep', `[{"op":"test","path":"/spec/b","value":${deep(9000, 1)}}]`, 'application/json-patch+json'))[0]).toBe(422);
  expect((await send('PATCH', 'deep?fieldManager=me&force=true', free('deep', deep(9990, '2')), 'application/apply-patch+yaml'))[0]).toBe(200);
  const asYaml = `apiVersion: example.com/v1\nkind: Free\nmetadata: {name: deep}\nspec: ${'{a: '.repeat(9980)}3${'}'.repeat(9980)}\n`;
  expect((await send('PATCH', 'deep?fieldManager=me&force=true', asYaml, 'application/apply-patch+yaml'))[0]).toBe(200);
  const table = await send('GET', '', undefined, json, asTable);
  expect([table[0], JSON.parse(table[1]).rows.length]).toEqual([200, 1]);
  // Its spaces alone would be 200 MB.
  expect((await send('GET', 'deep', undefined, json, 'application/yaml'))[0]).toBe(413);
  expect((await send('GET', 'deep'))[0]).toBe(200);
  expect((await send('DELETE', 'deep'))[0]).toBe(200);
  end.abort();
  await Promise.all(watches);
});

test('what nests deeper is refused in the words of Go’s decoders, also where a patch makes it so', async () => {
  const refused = async (method: string, path: string, raw: string, contentType = json) => {
    const { status, text } = await server.send({ method, path, contentType, raw });
    return [status, JSON.parse(text).message];
  };
  const words = `exceeded max depth`;
  expect(await refused('POST', frees, free('deeper', deep(10_000, 1)))).toEqual([400, `the object provided is unrecognized (must be of type Free): couldn't get version/kind; json parse error: invalid character '{' ${words} ({"apiVersion":"example.com/v1" ...)`]);
  await server.send({ method: 'POST', path: configmaps, contentType: json, body: { metadata: { name: 'there' } } });
  expect(await refused('PATCH', `${configmaps}/there`, deep(10_001, 1), 'application/merge-patch+json')).toEqual([400, `error decoding patch: invalid character '{' ${words}`]);
  expect(await refused('PATCH', `${configmaps}/new?fieldManager=me`, deep(10_001, 1), 'application/apply-patch+yaml')).toEqual([400, `error decoding YAML: error converting YAML to JSON: yaml: ${words} of 10000`]);
  expect((await server.send({ method: 'POST', path: `${frees}`, contentType: json, raw: free('grows', deep(6000, '{}')) })).status).toBe(201);
  const grow = [{ op: 'add', path: `/spec${'/a'.repeat(6000)}/b`, value: 0 }];
  const growing = JSON.stringify(grow).replace('"value":0', `"value":${deep(6000, 1)}`);
  expect(await refused('PATCH', `${frees}/grows`, growing, 'application/json-patch+json')).toEqual([400, `invalid character '{' ${words}`]);
  let schema = '{"type":"integer"}';
  for (let i = 0; i < 500; i++) schema = `{"type":"object","properties":{"a":${schema}}}`;
  const definition = JSON.stringify({ ...lists, metadata: { name: 'deeps.example.com' }, spec: { ...lists.spec, names: { plural: 'deeps', kind: 'Deep' } } }).replace(JSON.stringify(lists.spec.versions[0]?.schema.openAPIV3Schema), schema);
  expect(await refused('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)).toEqual([422, expect.stringContaining('openAPIV3Schema: Forbidden: may not nest deeper than 990 levels')]);
});

test('errors that each quote a whole list are told until they have much text', async () => {
  const refused = async (count: number) => {
    const ownerReferences = Array.from({ length: count }, (_, i) => ({ apiVersion: 'v1', kind: 'Pod', name: `p${i}`, uid: `u${i}`, controller: true }));
    const { status, text } = await server.send({ method: 'POST', path: configmaps, contentType: json, body: { metadata: { name: 'owned', ownerReferences } } });
    const { message, details } = JSON.parse(text);
    return { status, causes: details.causes.length, end: message.slice(-70) };
  };
  // What upstream answers, too, in seconds; twenty thousand would have 25 GB.
  expect(await refused(100)).toEqual({ status: 422, causes: 99, end: expect.stringMatching(/ references for Pod\/p0 and Pod\/p99\]$/) });
  const many = await refused(20_000);
  expect(many).toMatchObject({ status: 422, end: expect.stringMatching(/references for Pod\/p0 and Pod\/p\d+, and \d+ more\]$/) });
  expect(many.causes).toBeLessThan(20);
});

test('an address that a large Service got is nobody else’s', async () => {
  const services = '/api/v1/namespaces/default/services';
  const clusterIP = '10.96.7.7';
  const annotations = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, '']));
  const create = (metadata: object) => server.send({ method: 'POST', path: services, contentType: json, body: { metadata, spec: { clusterIP, ports: [{ port: 1 }] } } });
  const answers = await Promise.all([create({ name: 'large', annotations }), create({ name: 'small' }), create({ name: 'large-too', annotations })]);
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 422, 422]);
});

test('no turn of the loop takes a quarter of what a large request takes', async () => {
  const raw = JSON.stringify(aConfigMap('Refused', 80_000));
  const refused = (by: typeof server) => longestTurn(() => by.send({ method: 'POST', path: configmaps, contentType: json, raw }));
  await using other = await anApiServer({ more: { aside: false } });
  await refused(other);
  await refused(server);
  expect(await refused(server)).toBeLessThan((await refused(other)) / 4);
});

test('a collection is deleted without its large objects being read where all others are served', async () => {
  const { text } = await server.send({ method: 'POST', path: configmaps, contentType: json, raw: JSON.stringify(aConfigMap('collected', 40_000)) });
  const reading = await longestTurn(async () => JSON.parse(text));
  expect(await longestTurn(() => server.send({ method: 'DELETE', path: configmaps }))).toBeLessThan(reading);
  expect(JSON.parse((await server.send({ method: 'GET', path: configmaps })).text).items).toEqual([]);
});

test('what is selected beside large objects is told without their being read', async () => {
  const namespace = '/api/v1/namespaces/beside';
  await server.send({ method: 'POST', path: '/api/v1/namespaces', contentType: json, body: { metadata: { name: 'beside' } } });
  const make = async (kind: string, name: string, body: object) => {
    const metadata = { name, labels: { size: name } };
    const { status, text } = await server.send({ method: 'POST', path: `${namespace}/${kind}`, contentType: json, raw: JSON.stringify({ metadata, ...body }) });
    expect(status).toBe(201);
    return text;
  };
  const text = await make('configmaps', 'large', { data: entries(40_000) });
  await make('configmaps', 'small', {});
  const encoded = Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`k${i}`, '']));
  await make('secrets', 'large', { type: 'example.com/large', data: encoded });
  await make('secrets', 'small', { type: 'example.com/small' });
  const reading = await longestTurn(async () => JSON.parse(text));
  const names = (told: string) => [...told.matchAll(/"size":"(\w+)"/g)].map(([, name]) => name);
  const told = async (path: string) => names((await server.send({ method: 'GET', path: namespace + path })).text);
  await told('/secrets?fieldSelector=type%3Dexample.com/small');
  await collectGarbage();
  let answers: unknown;
  const longest = await longestTurn(async () => {
    answers = [
      await told('/configmaps?labelSelector=size%3Dsmall'),
      await told('/configmaps?fieldSelector=metadata.name%21%3Dlarge,metadata.name%21%3Dkube-root-ca.crt'),
      await told('/configmaps?watch=1&timeoutSeconds=1&labelSelector=size%3Dsmall'),
      await told('/secrets?fieldSelector=type%3Dexample.com/small'),
    ];
  });
  expect(answers).toEqual(Array(4).fill(['small']));
  expect(longest).toBeLessThan(reading / 2);
});

test('what a webhook makes of a small object by many operations is worked on in turns', async () => {
  const operations = Array.from({ length: 20_000 }, (_, i) => ({ op: 'add', path: `/data/k${i}`, value: `${i}` }));
  await using hooks = await aWebhookServer(allow(patch(...operations)));
  const webhook = {
    name: 'hook.example.com',
    clientConfig: { url: `${hooks.url}/`, caBundle: hooks.caBundle },
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps'] }],
    objectSelector: { matchLabels: { patched: 'much' } },
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
  await server.send({ method: 'POST', path, contentType: json, body: { metadata: { name: 'much' }, webhooks: [webhook] } });
  const create = async (name: string, query: string) => {
    const body = { metadata: { name, labels: { patched: 'much' } }, data: { a: 'b' } };
    return JSON.parse((await server.send({ method: 'POST', path: configmaps + query, contentType: json, body })).text).data;
  };
  await expect.poll(async () => Object.keys(await create('much', '?dryRun=All'))).toHaveLength(20_001);
  const before = process.threadCpuUsage();
  let data: unknown;
  const longest = await longestTurn(async () => {
    data = await create('much', '');
  });
  const { user, system } = process.threadCpuUsage(before);
  expect(data).toEqual({ a: 'b', ...entries(20_000) });
  expect(longest).toBeLessThan((user + system) / 1000 / 3);
  await server.send({ method: 'DELETE', path: `${path}/much` });
});

test('no turn is taken by a token of a million parts', async () => {
  const review = (token: string) =>
    longestTurn(() => server.send({ method: 'POST', path: '/apis/authentication.k8s.io/v1/tokenreviews', contentType: json, body: { spec: { token } } }));
  await review('a'.repeat(2_000_000));
  expect(await review('a.'.repeat(1_000_000))).toBeLessThan(30 + 2 * (await review('a'.repeat(2_000_000))));
});

test('a large request whose client goes away is given up, and the next one is answered', async () => {
  const gone = new AbortController();
  const many = JSON.stringify(aConfigMap('gone', 20_000));
  const sent = Array.from({ length: 6 }, () => server.stream({ method: 'POST', path: `${configmaps}?dryRun=All`, contentType: json, raw: many }, () => undefined, gone.signal).catch(() => undefined));
  await new Promise((resolve) => setTimeout(resolve, 50));
  gone.abort();
  await Promise.all(sent);
  expect(await server.send({ method: 'POST', path: configmaps, contentType: json, body: aConfigMap('next', 5000) })).toMatchObject({ status: 201 });
});

test('copies of copies in a JSON patch end at three megabytes', async () => {
  await server.send({ method: 'POST', path: configmaps, contentType: json, raw: JSON.stringify({ metadata: { name: 'copied' }, data: { a: 'x'.repeat(1000) } }) });
  const ops = Array.from({ length: 40 }, (_, i) => ({ op: 'copy', from: '/data', path: `/data/c${i}` }));
  const answer = await server.send({ method: 'PATCH', path: `${configmaps}/copied`, contentType: 'application/json-patch+json', body: ops });
  expect([answer.status, JSON.parse(answer.text).message]).toEqual([422, 'the server rejected our request due to an error in our request']);
});

test('what a definition of many rules defines is checked and described aside, as ever', async () => {
  const property = { type: 'string', maxLength: 9, 'x-kubernetes-validations': [{ rule: 'self.size() < 5', message: 'too long' }] };
  const properties = Object.fromEntries(Array.from({ length: 210 }, (_, i) => [`p${i}`, property]));
  const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties } } };
  const definition = { metadata: { name: 'rules.example.com' }, spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'rules', kind: 'Rule' }, versions: [version] } };
  expect(await server.send({ method: 'POST', path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', contentType: json, body: definition })).toMatchObject({ status: 201 });
  const rules = customs.replace('lists', 'rules');
  const create = (p209: string) => server.send({ method: 'POST', path: rules, contentType: json, body: { apiVersion: 'example.com/v1', kind: 'Rule', metadata: { name: 'r' }, p209 } });
  await expect.poll(() => create('123456')).toMatchObject({ status: 422 });
  expect(JSON.parse((await create('123456')).text).message).toBe('Rule.example.com "r" is invalid: p209: Invalid value: "123456": too long');
  expect(await create('1234')).toMatchObject({ status: 201 });
  const described = await server.send({ method: 'GET', path: '/openapi/v3/apis/example.com/v1' });
  expect(JSON.parse(described.text).components.schemas['com.example.v1.Rule'].properties.p209).toMatchObject({ type: 'string', maxLength: 9 });
  expect(described.headers['etag']).toMatch(/^"[0-9A-F]{128}"$/);
});

test('the instances of a definition that ends are deleted in turns', async () => {
  const name = 'endings.example.com';
  const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const endings = '/apis/example.com/v1/namespaces/default/endings';
  const spec = { ...lists.spec, names: { plural: 'endings', kind: 'Ending' } };
  await server.send({ method: 'POST', path: crds, contentType: json, body: { metadata: { name }, spec } });
  await expect.poll(() => server.send({ method: 'GET', path: endings })).toMatchObject({ status: 200 });
  const body = (i: number) => ({ apiVersion: 'example.com/v1', kind: 'Ending', metadata: { name: `e${i}` }, spec: { numbers: Array(300).fill(i) } });
  for (let i = 0; i < 1000; i += 50)
    await Promise.all(Array.from({ length: 50 }, (_, k) => server.send({ method: 'POST', path: endings, contentType: json, body: body(i + k) })));
  const before = process.threadCpuUsage();
  const longest = await longestTurn(async () => {
    await server.send({ method: 'DELETE', path: `${crds}/${name}` });
    await expect.poll(() => server.send({ method: 'GET', path: `${crds}/${name}` })).toMatchObject({ status: 404 });
  });
  const { user, system } = process.threadCpuUsage(before);
  expect(longest).toBeLessThan((user + system) / 1000 / 2);
});

test('what hundreds of watchers hear of a large object is made for them in turns', async () => {
  const end = new AbortController();
  const heard: string[] = [];
  const where = `${configmaps}?watch=1&includeObject=Object&fieldSelector=metadata.name%3Dheard`;
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const watches = Array.from({ length: 300 }, () => server.stream({ method: 'GET', path: where, accept }, (line) => heard.push(line), end.signal).catch(() => undefined));
  // Each is told of what is there, so that all are there for what follows.
  const write = (method: string, path: string, count: number) => server.send({ method, path, contentType: json, body: aConfigMap('heard', count) });
  await write('POST', configmaps, 1);
  await expect.poll(() => heard.length).toBe(300);
  const before = process.threadCpuUsage();
  const longest = await longestTurn(async () => {
    // So much that a collection of garbage in a turn is little beside it.
    await write('PUT', `${configmaps}/heard`, 2000);
    await expect.poll(() => heard.length).toBe(600);
  });
  const { user, system } = process.threadCpuUsage(before);
  end.abort();
  await Promise.all(watches);
  expect(longest).toBeLessThan((user + system) / 1000 / 3);
});
