import { seededRng } from '@berth/kit';
import { decodeProtobuf, encodeProtobuf, KubeClient, parseExact, resources } from '@berth/kube';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer, type Reply } from '../harness/api-server.ts';
import { eventually } from '../harness/eventually.ts';

/** Upstream keeps an integer of 64 bits exactly (sigs.k8s.io/json PreserveInts), and has every other number as a float. */

let server: Awaited<ReturnType<typeof anApiServer>>;
beforeAll(async () => {
  server = await anApiServer();
  expect((await send('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', definition)).status).toBe(201);
  await eventually(async () => (await send('GET', path)).status === 200);
});
afterAll(() => server[Symbol.asyncDispose]());

const path = '/apis/example.com/v1/namespaces/default/numbers';
const templates = '/api/v1/namespaces/default/podtemplates';

/** Odd, and a multiple of three; the float beside it is neither. */
const exact = '9007199254740993';
const near = '9007199254740992';

const column = (name: string, type: string) => `{"name":"${name}","type":"${type}","jsonPath":".spec.n"}`;
const definition = `{"metadata":{"name":"numbers.example.com"},"spec":{
  "group":"example.com","scope":"Namespaced","names":{"plural":"numbers","kind":"Number"},
  "versions":[{"name":"v1","served":true,"storage":true,
    "additionalPrinterColumns":[${column('Integer', 'integer')},${column('Text', 'string')},${column('Float', 'number')}],
    "schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{
      "n":{"type":"integer","format":"int64","multipleOf":3,"x-kubernetes-validations":[{"rule":"self % 2 == 1"}]},
      "one":{"type":"integer","enum":[${exact}]},
      "filled":{"type":"integer","default":${exact}},
      "text":{"type":"string","maxLength":9223372036854775807,"x-kubernetes-validations":[{"rule":"self != ''"}]},
      "set":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"integer"}},
      "list":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["id"],
        "items":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"v":{"type":"string"}}}},
      "any":{"x-kubernetes-preserve-unknown-fields":true}
    }}}}}}]}}`;

const types = { merge: 'application/merge-patch+json', json: 'application/json-patch+json', strategic: 'application/strategic-merge-patch+json', apply: 'application/apply-patch+yaml' };
type Type = keyof typeof types;

function send(method: string, at: string, raw?: string | Uint8Array, contentType = 'application/json', accept = 'application/json'): Promise<Reply> {
  return server.send({ method, path: at, raw, contentType, accept });
}
const patch = (at: string, type: Type, raw: string) => send('PATCH', at, raw, types[type]);
const aNumber = (name: string, spec: string) => `{"apiVersion":"example.com/v1","kind":"Number","metadata":{"name":"${name}"},"spec":${spec}}`;
/** The spec of an answer as it is written. */
const specOf = ({ text }: Reply) => JSON.stringify((parseExact(text) as { spec?: unknown }).spec);

test('integers of any size come back digit for digit, however they are read', async () => {
  const rng = seededRng(7);
  const some = Array.from({ length: 300 }, () => {
    const bits = BigInt(Math.floor(rng.next() * 64));
    const value = (BigInt(Math.floor(rng.next() * 2 ** 32)) << 32n) | BigInt(Math.floor(rng.next() * 2 ** 32));
    return BigInt.asIntN(64, rng.next() < 0.5 ? -(value >> bits) : (value >> bits));
  });
  const any = `[${some.join(',')},0.5,{"9007199254740993":"9007199254740993"}]`;
  const created = await send('POST', path, aNumber('many', `{"any":${any}}`));
  expect(created.status).toBe(201);
  expect(created.text).toContain(`"any":${any}`);
  expect((await send('GET', `${path}/many`)).text).toContain(`"any":${any}`);
  expect((await send('GET', path)).text).toContain(`"any":${any}`);
  const yaml = await send('GET', `${path}/many`, undefined, undefined, 'application/yaml');
  for (const value of some) expect(yaml.text).toContain(`- ${value}\n`);
  const again = await send('PUT', `${path}/many`, yaml.text, 'application/yaml');
  expect(JSON.parse(again.text).metadata.resourceVersion).toBe(JSON.parse(created.text).metadata.resourceVersion);
});

test.each([
  ['9223372036854775808', '9223372036854775807', '9223372036854776000'],
  ['1e400', '1', undefined],
])('%s is no int64', async (beyond, within, float) => {
  const create = (spec: string) => send('POST', `${path}?dryRun=All`, aNumber('beyond', spec));
  expect(specOf(await create(`{"any":${within}}`))).toContain(within);
  const answer = await create(`{"any":${beyond}}`);
  if (float === undefined) expect(answer).toMatchObject({ status: 400, text: expect.stringContaining(`cannot unmarshal number ${beyond} into Go value of type float64`) });
  else expect(specOf(answer)).toContain(`"any":${float}`);
  expect((await create(`{"n":${beyond}}`)).status).toBe(float === undefined ? 400 : 422);
});

test('limits, enums, defaults and rules see the integer itself', async () => {
  const create = (spec: string) => send('POST', `${path}?dryRun=All`, aNumber('checked', spec));
  expect(specOf(await create(`{"n":${exact},"one":${exact}}`))).toBe(`{"n":${exact},"one":${exact},"filled":${exact}}`);
  const causes = async (spec: string) => JSON.parse((await create(spec)).text).details.causes.map(({ message }: { message: string }) => message);
  const rule = 'failed rule: self % 2 == 1';
  expect(await causes(`{"n":${near}}`)).toEqual([`Invalid value: ${near}: spec.n in body should be a multiple of 3`, `Invalid value: ${near}: ${rule}`]);
  expect(await causes('{"n":9007199254740996}')).toEqual([`Invalid value: 9007199254740996: ${rule}`]);
  expect(await causes(`{"one":${near}}`)).toEqual([`Unsupported value: ${near}: supported values: "${exact}"`, expect.stringContaining("rules were not checked")]);
});

test('patches change it, and compare it, digit for digit', async () => {
  expect((await send('POST', path, aNumber('patched', `{"n":${exact},"any":${exact}}`))).status).toBe(201);
  const at = `${path}/patched`;
  const op = (value: string) => patch(at, 'json', `[{"op":"test","path":"/spec/any","value":${value}},{"op":"copy","from":"/spec/any","path":"/spec/n"}]`);
  expect((await op(near)).status).toBe(422);
  expect((await op(exact)).status).toBe(200);
  const merged = await patch(at, 'merge', `{"spec":{"any":{"deep":[${near}]}}}`);
  expect(specOf(merged)).toBe(`{"any":{"deep":[${near}]},"filled":${exact},"n":${exact}}`);
  const same = await patch(at, 'merge', `{"spec":{"n":${exact}}}`);
  expect(JSON.parse(same.text).metadata.resourceVersion).toBe(JSON.parse(merged.text).metadata.resourceVersion);
});

test('who applies it owns it, and another integer that is the same float is a conflict', async () => {
  const apply = (manager: string, spec: string) => patch(`${path}/applied?fieldManager=${manager}`, 'apply', aNumber('applied', spec));
  const first = await apply('a', `{"n":${exact},"set":[${near},${exact}],"list":[{"id":${near},"v":"x"},{"id":${exact},"v":"y"}]}`);
  expect(first.status).toBe(201);
  const { fieldsV1 } = JSON.parse(first.text).metadata.managedFields[0];
  expect(Object.keys(fieldsV1['f:spec']['f:set'])).toEqual([`v:${near}`, `v:${exact}`]);
  expect(Object.keys(fieldsV1['f:spec']['f:list'])).toEqual([`k:{"id":${near}}`, `k:{"id":${exact}}`]);
  const other = await apply('b', '{"n":9007199254740999}');
  expect(other).toMatchObject({ status: 409, text: expect.stringContaining('conflict with \\"a\\": .spec.n') });
  expect((await apply('b', `{"n":${exact}}`)).status).toBe(200);
  const yaml = `apiVersion: example.com/v1\nkind: Number\nmetadata: { name: applied }\nspec: { set: [${exact}] }\n`;
  const shrunk = await patch(`${path}/applied?fieldManager=a`, 'apply', yaml);
  expect(specOf(shrunk)).toBe(`{"n":${exact},"set":[${exact}],"filled":${exact}}`);
});

test('tables and watchers are told it as it is', async () => {
  await send('POST', path, aNumber('shown', `{"n":${exact}}`));
  const table = await send('GET', `${path}/shown`, undefined, undefined, 'application/json;as=Table;v=v1;g=meta.k8s.io');
  expect(table.text).toContain(`"cells":["shown",${exact},"${exact}",${near}]`);
  const end = new AbortController();
  const line = await new Promise<string>((resolve) => {
    const query = 'watch=1&fieldSelector=metadata.name%3Dshown&resourceVersion=0';
    server.stream({ method: 'GET', path: `${path}?${query}` }, resolve, end.signal).catch(() => undefined);
  });
  end.abort();
  expect(line).toContain(`"n":${exact}`);
});

test('a built-in int64 is kept in JSON and protobuf alike, and parts of this process reckon with a number', async () => {
  const toleration = `{"key":"k","effect":"NoExecute","operator":"Exists","tolerationSeconds":${exact}}`;
  const template = `{"apiVersion":"v1","kind":"PodTemplate","metadata":{"name":"t"},"template":{"spec":{"containers":[{"name":"c","image":"i"}],"tolerations":[${toleration}]}}}`;
  const created = await send('POST', templates, template);
  expect(created).toMatchObject({ status: 201, text: expect.stringContaining(`"tolerationSeconds":${exact}`) });
  const protobuf = 'application/vnd.kubernetes.protobuf';
  const written = await encodeProtobuf(parseExact(template.replace('"t"', '"p"')) as { apiVersion: string; kind: string });
  const other = await send('POST', templates, written, protobuf);
  expect(other).toMatchObject({ status: 201, text: expect.stringContaining(`"tolerationSeconds":${exact}`) });
  const { object } = await decodeProtobuf(written as Uint8Array);
  expect(JSON.stringify(object)).toContain(`"tolerationSeconds":${exact}`);
  const strategic = await patch(`${templates}/t`, 'strategic', `{"template":{"spec":{"terminationGracePeriodSeconds":${exact}}}}`);
  expect(strategic.text).toContain(`"terminationGracePeriodSeconds":${exact}`);
  const wrong = await patch(`${templates}/t`, 'merge', '{"template":{"spec":{"terminationGracePeriodSeconds":9223372036854775808}}}');
  expect(wrong.status).toBe(422);
  const client = new KubeClient(server.server.transport());
  const seen = await client.get(resources.podtemplates, { namespace: 'default', name: 't' });
  expect(seen.template?.spec?.terminationGracePeriodSeconds).toBe(Number(exact));
  const labels = { seen: 'true' };
  await client.update(resources.podtemplates, { ...seen, metadata: { ...seen.metadata, labels } });
  const { text } = await send('GET', `${templates}/t`);
  for (const part of ['"seen":"true"', `"terminationGracePeriodSeconds":${exact}`, `"tolerationSeconds":${exact}`]) expect(text).toContain(part);
});
