import { expect, test } from 'vitest';
import { comparable, created, type GoldenCase, goldenFile, statusOf, targetOf } from './resource-rules.ts';

const { cases } = goldenFile<{ cases: readonly GoldenCase[] }>('defaults.json');

/** Reviews are answered by authentication and authorization, not stored: a whole server has them in server-answers.test.ts. */
const elsewhere = (id: string) => id.startsWith('review/');

for (const { id, request, status, response } of cases.filter(({ id }) => !elsewhere(id)))
  test(`${id} is filled as upstream fills it`, () => {
    const answer = statusOf(() => created(targetOf(request.path), request.body));
    if (status === 201) expect(comparable(answer as GoldenCase['response'])).toEqual(comparable(response));
    else expect(answer).toEqual(response);
  });

test('defaults are a fixed point: filling a stored object again changes nothing', () => {
  for (const { id, request, status } of cases) {
    if (status !== 201 || elsewhere(id)) continue;
    const target = targetOf(request.path);
    const object = created(target, request.body);
    const again = structuredClone(object);
    target.definition.rules.default?.(again);
    expect(again, id).toEqual(object);
  }
});
