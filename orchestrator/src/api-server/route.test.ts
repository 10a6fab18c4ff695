import { expect, test } from 'vitest';
import { ResourceRegistry } from './resource-registry.ts';
import { definitions } from './resources/definitions.ts';
import { routeOf } from './route.ts';

const registry = new ResourceRegistry(definitions);

function read(method: string, url: string) {
  const { pathname, searchParams } = new URL(url, 'https://x');
  const route = routeOf(registry, method, pathname, searchParams);
  if (route.type === 'other') return route.segments;
  const { definition, verb, namespace, name, subresource } = route;
  return [verb, definition.plural, namespace, name, subresource?.name ?? ''];
}

test.each([
  ['GET', '/api/v1/pods', ['list', 'pods', '', '', '']],
  ['GET', '/api/v1/pods?watch=true', ['watch', 'pods', '', '', '']],
  ['GET', '/api/v1/pods?watch=0', ['list', 'pods', '', '', '']],
  ['GET', '/api/v1/namespaces/a/pods/', ['list', 'pods', 'a', '', '']],
  ['POST', '/api/v1/namespaces/a/pods', ['create', 'pods', 'a', '', '']],
  ['DELETE', '/api/v1/namespaces/a/pods', ['deletecollection', 'pods', 'a', '', '']],
  ['PUT', '/api/v1/namespaces/a/pods/p/status', ['update', 'pods', 'a', 'p', 'status']],
  ['POST', '/api/v1/namespaces/a/pods/p/binding', ['create', 'pods', 'a', 'p', 'binding']],
  ['GET', '/api/v1/namespaces/a', ['get', 'namespaces', '', 'a', '']],
  ['PUT', '/api/v1/namespaces/a/finalize', ['update', 'namespaces', '', 'a', 'finalize']],
  ['PATCH', '/apis/apps/v1/namespaces/a/statefulsets/w/scale', ['patch', 'statefulsets', 'a', 'w', 'scale']],
  ['GET', '/api/v1/namespaces/a/pods/p?watch=true', ['get', 'pods', 'a', 'p', '']],
  ['GET', '/api/v1/pods?watch=False', ['list', 'pods', '', '', '']],
  ['GET', '/api/v1/watch/pods', ['watch', 'pods', '', '', '']],
  ['GET', '/api/v1/watch/namespaces/a/pods?watch=false', ['watch', 'pods', 'a', '', '']],
  ['GET', '/api/v1/watch/namespaces/a/pods/p', ['watch', 'pods', 'a', 'p', '']],
  ['GET', '/api/v1/watch/namespaces/a', ['watch', 'namespaces', '', 'a', '']],
  ['GET', '/apis/apps/v1/watch/deployments', ['watch', 'deployments', '', '', '']],
  ['HEAD', '/api/v1/nodes/n/proxy/x', ['get', 'nodes', '', 'n', 'proxy']],
  ['GET', '/openapi/v3', ['openapi', 'v3']],
  ['GET', '/', ['']],
])('%s %s', (method, url, route) => {
  expect(read(method, url)).toEqual(route);
});

test.each([
  ['PUT', '/api/v1/namespaces/a/pods', 'MethodNotAllowed'],
  ['POST', '/api/v1/pods', 'MethodNotAllowed'],
  ['DELETE', '/api/v1/pods', 'MethodNotAllowed'],
  ['BREW', '/api/v1/pods', 'MethodNotAllowed'],
  ['DELETE', '/api/v1/namespaces', 'MethodNotAllowed'],
  ['HEAD', '/api/v1/nodes/n', 'MethodNotAllowed'],
  ['HEAD', '/api/v1/pods', 'MethodNotAllowed'],
  ['POST', '/api/v1/watch/pods', 'MethodNotAllowed'],
  ['HEAD', '/api/v1/watch/pods', 'MethodNotAllowed'],
  ['GET', '/api/v1/watch/pods/p', 'NotFound'],
  ['GET', '/api/v1/watch/watch/pods', 'NotFound'],
  ['GET', '/api/v1/watch/namespaces/a/pods/p/log', 'NotFound'],
  ['GET', '/api/v1/watch/componentstatuses', 'NotFound'],
  ['GET', '/api/v1/pods/p', 'NotFound'],
  ['POST', '/api/v1/bindings', 'NotFound'],
  ['GET', '/apis/authorization.k8s.io/v1/localsubjectaccessreviews', 'NotFound'],
  ['POST', '/apis/authorization.k8s.io/v1/localsubjectaccessreviews', 'NotFound'],
  ['GET', '/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews', 'MethodNotAllowed'],
  ['GET', '/api/v1/namespaces/a/nodes', 'NotFound'],
  ['GET', '/api/v1/namespaces/a/pods/p/nope', 'NotFound'],
  ['GET', '/api/v1/namespaces/a/pods/p/log/more', 'NotFound'],
])('%s %s is refused as %s', (method, url, code) => {
  expect(() => read(method, url)).toThrow(expect.objectContaining({ code }));
});

test('a path is read once, however many slashes it has', () => {
  expect(() => read('GET', `/api/v1/${'/'.repeat(1_000_000)}x`)).toThrow(expect.objectContaining({ code: 'NotFound' }));
});
