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
