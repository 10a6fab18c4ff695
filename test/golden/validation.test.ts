import { expect, test } from 'vitest';
import { type GoldenCase, comparable, created, goldenFile, statusOf, targetOf } from './resource-rules.ts';

const { cases } = goldenFile<{ cases: readonly GoldenCase[] }>('validation.json');

/** Answered by something else than a kind's rules, which alone have nothing against these; a whole server has them in server-answers.test.ts. */
const elsewhere: readonly string[] = [
  'invalid/pod-missing-sa',
  'invalid/pod-missing-priorityclass',
  'invalid/pod-kind-mismatch',
  'invalid/pod-ns-mismatch',
  'invalid/cm-too-big',
  'invalid/secret-bad-base64',
  'invalid/crd-bad-name',
  'invalid/crd-bad-cel',
  'invalid/strict-unknown-field',
  'invalid/strict-nested-unknown',
];

test('what else answers is in the recording', () => {
  expect(cases.map(({ id }) => id)).toEqual(expect.arrayContaining([...elsewhere]));
});

for (const { id, request, status, response } of cases.filter(({ id }) => !elsewhere.includes(id)))
  test(`${id} answers ${status} in upstream's words`, () => {
    const answer = statusOf(() => created(targetOf(request.path), request.body));
    if (status === 422) expect(answer).toEqual(response);
    else expect(comparable(answer as GoldenCase['response'])).toEqual(comparable(response));
  });

test('a ConfigMap of more than 1 MiB is too long', () => {
  const { response } = cases.find(({ id }) => id === 'invalid/cm-too-big') as GoldenCase;
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: 'x'.repeat(1024 * 1024 + 1) } };
  expect(statusOf(() => created(targetOf('/api/v1/namespaces/default/configmaps'), body))).toEqual(response);
});
