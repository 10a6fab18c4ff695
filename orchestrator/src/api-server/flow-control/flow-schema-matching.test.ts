import type { FlowSchemaSpec } from '@berth/kube';
import { expect, test } from 'vitest';
import { requestInfoOf } from '../request-info.ts';
import { schemaMatches } from './flow-schema-matching.ts';

const jane = { name: 'jane', groups: ['dev', 'system:authenticated'] };
const account = { name: 'system:serviceaccount:ns:sa', groups: ['system:serviceaccounts'] };

function request(method: string, target: string) {
  const [path = '', query = ''] = target.split('?');
  return requestInfoOf(method, path, new URLSearchParams(query));
}

function spec(subjects: object[], rule: object): FlowSchemaSpec {
  return { priorityLevelConfiguration: { name: 'l' }, rules: [{ subjects, ...rule }] } as unknown as FlowSchemaSpec;
}

const everyone = [
  { kind: 'Group', group: { name: 'system:authenticated' } },
  { kind: 'User', user: { name: '*' } },
];
const all = { verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] };
const rule = (more: object) => ({ resourceRules: [{ ...all, ...more }] });

test.each<[string, FlowSchemaSpec, string, string, boolean]>([
  ['a user by name', spec([{ kind: 'User', user: { name: 'jane' } }], rule({})), 'GET', '/api/v1/pods', true],
  ['another user', spec([{ kind: 'User', user: { name: 'joe' } }], rule({})), 'GET', '/api/v1/pods', false],
  ['a group', spec([{ kind: 'Group', group: { name: 'dev' } }], rule({})), 'GET', '/api/v1/pods', true],
  ['any group', spec([{ kind: 'Group', group: { name: '*' } }], rule({})), 'GET', '/api/v1/pods', true],
  ['a verb', spec(everyone, rule({ verbs: ['list'] })), 'GET', '/api/v1/pods', true],
  ['another verb', spec(everyone, rule({ verbs: ['get'] })), 'GET', '/api/v1/pods', false],
  [
    'a star among others is no star',
    spec(everyone, rule({ verbs: ['*', 'get'] })),
    'POST',
    '/api/v1/namespaces/a/pods',
    false,
  ],
  ['no cluster scope', spec(everyone, rule({ clusterScope: false })), 'GET', '/api/v1/pods', false],
  ['a namespace', spec(everyone, rule({ namespaces: ['a'] })), 'GET', '/api/v1/namespaces/a/pods', true],
  ['another namespace', spec(everyone, rule({ namespaces: ['a'] })), 'GET', '/api/v1/namespaces/b/pods', false],
  ['a subresource', spec(everyone, rule({ resources: ['nodes/status'] })), 'PATCH', '/api/v1/nodes/n/status', true],
  [
    'a resource is not its subresource',
    spec(everyone, rule({ resources: ['nodes'] })),
    'PATCH',
    '/api/v1/nodes/n/status',
    false,
  ],
  [
    'a path',
    spec(everyone, { nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }] }),
    'GET',
    '/healthz/etcd',
    true,
  ],
  [
    'another path',
    spec(everyone, { nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }] }),
    'GET',
    '/healthzz',
    false,
  ],
  ['a path is no resource', spec(everyone, rule({})), 'GET', '/healthz', false],
])('%s', (_what, schema, method, target, matches) => {
  expect(schemaMatches(schema, request(method, target), jane)).toBe(matches);
});

test.each([
  [{ namespace: 'ns', name: 'sa' }, true],
  [{ namespace: 'ns', name: '*' }, true],
  [{ namespace: 'n', name: '*' }, false],
  [{ namespace: 'ns', name: 's' }, false],
])('service account %o', (serviceAccount, matches) => {
  const schema = spec([{ kind: 'ServiceAccount', serviceAccount }], rule({}));
  expect(schemaMatches(schema, request('GET', '/api/v1/pods'), account)).toBe(matches);
});
