import { expect, test } from 'vitest';
import { authenticatedOnly } from './authorizer.ts';

const nothing = { namespace: '', group: '', resource: '', subresource: '', name: '', path: '' };
const account = {
  name: 'system:serviceaccount:default:default',
  groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'],
};
const person = { name: 'jane', groups: ['system:authenticated'] };

test.each([
  ['a certificate reads secrets', person, { verb: 'list', resource: 'secrets' }, true],
  ['a service account reads secrets', account, { verb: 'list', resource: 'secrets' }, false],
  ['a service account creates a pod', account, { verb: 'create', resource: 'pods' }, false],
  ['a service account reads discovery', account, { verb: 'get', path: '/apis' }, true],
  ['a service account reads metrics', account, { verb: 'get', path: '/metrics' }, false],
  [
    'a service account asks what it may',
    account,
    { verb: 'create', group: 'authorization.k8s.io', resource: 'selfsubjectaccessreviews' },
    true,
  ],
  ['nobody reads discovery', { name: 'x', groups: ['system:unauthenticated'] }, { verb: 'get', path: '/apis' }, false],
  ['a component does anything', { name: 'x', groups: ['system:masters'] }, { verb: 'delete', resource: 'nodes' }, true],
])('%s', async (_, user, attributes, allowed) => {
  expect(await authenticatedOnly.authorize({ ...nothing, user, ...attributes })).toMatchObject({ allowed });
});
