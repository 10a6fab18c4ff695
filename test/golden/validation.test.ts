import { expect, test } from 'vitest';
import { type GoldenCase, comparable, created, goldenFile, statusOf, targetOf } from './resource-rules.ts';

const { cases } = goldenFile<{ cases: readonly GoldenCase[] }>('validation.json');

/** Answers that come from elsewhere than a kind's rules. */
const elsewhere: Readonly<Record<string, string>> = {
  'invalid/pod-missing-sa': 'service account admission',
  'invalid/pod-missing-priorityclass': 'priority admission',
  'invalid/pod-kind-mismatch': 'decoding',
  'invalid/pod-ns-mismatch': 'the create handler',
  'invalid/cm-too-big': 'the recording left the body out: see the test below',
  'invalid/secret-bad-base64': 'decoding',
  'invalid/crd-bad-name': 'checks that are loaded with the first definition: server-answers.test.ts has them',
  'invalid/crd-bad-cel': 'the same',
  'invalid/strict-unknown-field': 'strict decoding',
  'invalid/strict-nested-unknown': 'strict decoding',
};

for (const { id, request, status, response } of cases)
  test.skipIf(id in elsewhere)(`${id} answers ${status} in upstream's words${elsewhere[id] ? `: ${elsewhere[id]}` : ''}`, () => {
    const answer = statusOf(() => created(targetOf(request.path), request.body));
    if (status === 422) expect(answer).toEqual(response);
    else expect(comparable(answer as GoldenCase['response'])).toEqual(comparable(response));
  });

test('a ConfigMap of more than 1 MiB is too long', () => {
  const { response } = cases.find(({ id }) => id === 'invalid/cm-too-big') as GoldenCase;
  const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { a: 'x'.repeat(1024 * 1024 + 1) } };
  expect(statusOf(() => created(targetOf('/api/v1/namespaces/default/configmaps'), body))).toEqual(response);
});
