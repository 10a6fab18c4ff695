import { afterAll, beforeAll, expect, test } from 'vitest';
import { anApiServer, type Exchange } from '../harness/api-server.ts';
import { goldenFile } from './resource-rules.ts';

interface Case {
  readonly id: string;
  readonly request: Exchange;
  readonly status?: number;
  readonly response?: Record<string, unknown>;
}

const { cases } = goldenFile<{ cases: readonly Case[] }>('patches.json');
const [base, ...patches] = cases as [Case, ...Case[]];

/** Where the recording left out what the answer depends on. */
const adapted: Readonly<Record<string, Partial<Exchange>>> = {
  'patch/jp-rv-conflict': { body: { metadata: { resourceVersion: '1' } } },
};

let server: Awaited<ReturnType<typeof anApiServer>>;

beforeAll(async () => {
  server = await anApiServer();
  const { status, text } = await server.send({ ...base.request, contentType: 'application/json' });
  if (status !== 201) throw new Error(text);
  const annotations = { 'deployment.kubernetes.io/revision': '1' };
  const path = `${JSON.parse(text).metadata.namespace}/deployments/${JSON.parse(text).metadata.name}/status`;
  // As a deployment controller had, through the status.
  const noted = await server.send({
    method: 'PATCH',
    path: `/apis/apps/v1/namespaces/${path}?fieldManager=kube-controller-manager`,
    contentType: 'application/merge-patch+json',
    body: { metadata: { annotations } },
  });
  if (noted.status !== 200) throw new Error(noted.text);
});
afterAll(() => server[Symbol.asyncDispose]());

for (const { id, request, status, response } of patches)
  test(`${id} as a dry run answers ${status} with upstream's object`, async () => {
    const reply = await server.send({ ...request, ...adapted[id] });
    const answer = JSON.parse(reply.text);
    expect({ status: reply.status, message: answer.message }).toEqual({ status, message: response?.['message'] });
    expect(comparable(answer)).toEqual(comparable(response));
  });

test.each([
  ['merge-patch+json', { kind: 'Secret', apiVersion: 'v1' }, 'converting (v1.Secret) to (apps.Deployment): unknown conversion'],
  ['json-patch+json', [{ op: 'replace', path: '/kind', value: 'Foo' }], 'no kind "Foo" is registered for version "apps/v1" in scheme "pkg/runtime/scheme.go:111"'],
  ['merge-patch+json', { apiVersion: 'v2' }, 'no kind "Deployment" is registered for version "v2" in scheme "pkg/runtime/scheme.go:111"'],
  ['merge-patch+json', { foo: 1 }, 'strict decoding error: unknown field "foo"'],
])('a %s of %j is refused as upstream does', async (type, body, why) => {
  const path = `${base.request.path.split('?')[0]}/${(base.request.body as { metadata: { name: string } }).metadata.name}?fieldValidation=Strict`;
  const { status, text } = await server.send({ method: 'PATCH', path, contentType: `application/${type}`, body });
  expect(status).toBe(422);
  const { message, details } = JSON.parse(text);
  expect(message).toMatch(/^ "" is invalid: patch: Invalid value: "\{\\"apiVersion/);
  expect(message.endsWith(`": ${why}`)).toBe(true);
  expect(details).toMatchObject({ causes: [{ field: 'patch', reason: 'FieldValueInvalid' }] });
});

test('a strategic patch leaves the kind of an object as it is, and says by its own words what it does not know', async () => {
  const path = `${base.request.path.split('?')[0]}/${(base.request.body as { metadata: { name: string } }).metadata.name}?dryRun=All&fieldValidation=Strict`;
  const patch = (body: object) => server.send({ method: 'PATCH', path, contentType: 'application/strategic-merge-patch+json', body });
  expect(JSON.parse((await patch({ kind: 'Secret' })).text).kind).toBe('Deployment');
  const { status, text } = await patch({ foo: { b: [1, 'x'], a: null } });
  const message = ' "" is invalid: patch: Invalid value: "map[foo:map[a:<nil> b:[1 x]]]": strict decoding error: unknown field "foo"';
  expect({ status, message: JSON.parse(text).message }).toEqual({ status: 422, message });
});

/** Without what a deployment controller wrote into the recorded object, and what is one cluster's own. */
function comparable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, each) => {
      if (['uid', 'resourceVersion', 'creationTimestamp'].includes(key)) return undefined;
      if (key === 'status' && typeof each === 'object') return undefined;
      if (key === 'time') return '<time>';
      if (key === 'managedFields') return each.filter(({ manager }: { manager: string }) => manager !== 'kube-controller-manager');
      if (key !== 'annotations') return each;
      const { 'deployment.kubernetes.io/revision': _, ...rest } = each;
      return Object.keys(rest).length > 0 ? rest : undefined;
    }),
  );
}
