import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isLongRunning, requestInfoOf } from './request-info.ts';

function info(method: string, target: string) {
  const [path = '', query = ''] = target.split('?');
  return requestInfoOf(method, path, new URLSearchParams(query));
}

test.each<[string, string, object]>([
  ['GET', '/api/v1/pods', { isResource: true, verb: 'list', resource: 'pods', namespace: '' }],
  ['HEAD', '/api/v1/namespaces/a/pods', { verb: 'list', namespace: 'a', resource: 'pods' }],
  ['GET', '/api/v1/namespaces/a/pods?watch=1', { verb: 'watch' }],
  ['GET', '/api/v1/namespaces/a/pods?watch=False', { verb: 'list' }],
  ['GET', '/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dx', { verb: 'list', name: 'x' }],
  ['GET', '/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3D..%2Fx', { verb: 'list', name: '' }],
  ['DELETE', '/api/v1/namespaces/a/pods', { verb: 'deletecollection' }],
  ['DELETE', '/api/v1/namespaces/a/pods/p', { verb: 'delete', name: 'p' }],
  ['GET', '/api/v1/namespaces/a/pods/p/log', { verb: 'get', name: 'p', subresource: 'log' }],
  [
    'PUT',
    '/api/v1/namespaces/a/status',
    { verb: 'update', resource: 'namespaces', name: 'a', subresource: 'status', namespace: 'a' },
  ],
  ['GET', '/api/v1/namespaces/a', { verb: 'get', resource: 'namespaces', name: 'a', namespace: 'a' }],
  [
    'POST',
    '/apis/apps/v1/namespaces/a/deployments',
    { verb: 'create', group: 'apps', version: 'v1', resource: 'deployments' },
  ],
  ['GET', '/api/v1/watch/pods', { verb: 'watch', resource: 'pods' }],
  [
    'GET',
    '/api/v1/watch/namespaces/a/pods/p?fieldSelector=metadata.name%3Dx',
    { verb: 'watch', namespace: 'a', name: 'p' },
  ],
  ['GET', '/api/v1/proxy/nodes/n/x', { verb: 'proxy', resource: 'nodes', name: 'n', subresource: '' }],
  ['GET', '/apis/apps/v1', { isResource: false, verb: 'get', group: 'apps' }],
  ['GET', '/apis', { isResource: false }],
  ['OPTIONS', '/healthz', { isResource: false, verb: 'options', path: '/healthz' }],
])('%s %s', (method, target, expected) => {
  expect(info(method, target)).toMatchObject(expected);
});

test.each([
  ['/api/v1/pods?watch=true', true],
  ['/api/v1/namespaces/a/pods/p/exec', true],
  ['/api/v1/namespaces/a/pods/p/log', true],
  ['/api/v1/namespaces/a/pods/p', false],
  ['/debug/pprof/heap', true],
  ['/berth/v1/backup', true],
  ['/debug/api_priority_and_fairness/dump_queues', false],
])('GET %s may last: %s', (target, long) => {
  expect(isLongRunning(info('GET', target))).toBe(long);
});

test('any path and query is about something', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), fc.constantFrom('GET', 'POST', 'x'), (path, query, method) => {
      const read = requestInfoOf(method, `/${path}`, new URLSearchParams(query));
      expect(typeof read.verb).toBe('string');
    }),
  );
});
