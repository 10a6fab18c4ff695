import { expect, test } from 'vitest';
import { requestInfoOf } from '../request-info.ts';
import type { Admitted } from './in-flight.ts';
import { MaxInFlight } from './max-in-flight.ts';

const never = new AbortController().signal;
const jane = { name: 'jane', groups: ['system:authenticated'] };
const root = { name: 'root', groups: ['system:masters'] };

function arrival(method: string, target: string, user = jane) {
  const [path = '', text = ''] = target.split('?');
  const query = new URLSearchParams(text);
  return { info: requestInfoOf(method, path, query), query, user, signal: never, waitMs: 0 };
}

test('what changes something and what does not have limits of their own', () => {
  const limits = new MaxInFlight({ readOnly: 1, mutating: 1 });
  const read = limits.enter(arrival('GET', '/api/v1/pods')) as Admitted;
  expect(read.admitted).toBe(true);
  expect(limits.enter(arrival('GET', '/api/v1/nodes'))).toMatchObject({ admitted: false, retryAfterSeconds: 1 });
  expect(limits.enter(arrival('DELETE', '/api/v1/nodes/n')).admitted).toBe(true);
  expect(limits.enter(arrival('POST', '/api/v1/nodes')).admitted).toBe(false);
  read.finish();
  read.finish();
  expect(limits.enter(arrival('GET', '/api/v1/nodes')).admitted).toBe(true);
  expect(limits.enter(arrival('GET', '/api/v1/nodes')).admitted).toBe(false);
});

test('watches, logs and the members of system:masters are not held up', () => {
  const limits = new MaxInFlight({ readOnly: 1, mutating: 1 });
  limits.enter(arrival('GET', '/api/v1/pods'));
  for (const target of ['/api/v1/pods?watch=1', '/api/v1/namespaces/a/pods/p/log'])
    expect(limits.enter(arrival('GET', target)).admitted).toBe(true);
  expect(limits.enter(arrival('GET', '/api/v1/pods', root)).admitted).toBe(true);
});

test('without a limit there is none', () => {
  const limits = new MaxInFlight({ readOnly: 0, mutating: 0 });
  for (let i = 0; i < 1000; i++) expect(limits.enter(arrival('POST', '/api/v1/nodes')).admitted).toBe(true);
});
