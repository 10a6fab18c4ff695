import { expect, test } from 'vitest';
import { kubeletRights } from './kubelet-rights.ts';

/** Rows of upstream's TestGetRequestAttributes (pkg/kubelet/server/auth_test.go) with KubeletFineGrainedAuthz on. */
test.each([
  ['GET', '/', 'get', ['proxy']],
  ['POST', '/exec/ns/p/c?command=ls', 'create', ['proxy']],
  ['GET', '/containerLogs/ns/p/c', 'get', ['proxy']],
  ['GET', '/stats/summary?only_cpu_and_memory=true', 'get', ['stats']],
  ['GET', '/statsmore', 'get', ['proxy']],
  ['GET', '/metrics', 'get', ['metrics']],
  ['GET', '/metrics/cadvisor', 'get', ['metrics']],
  ['PUT', '/logs/', 'update', ['log']],
  ['PATCH', '/checkpoint/ns/p/c', 'patch', ['checkpoint']],
  ['GET', '/pods', 'get', ['pods', 'proxy']],
  ['GET', '/pods/', 'get', ['pods', 'proxy']],
  ['GET', '/p%6Fds', 'get', ['pods', 'proxy']],
  ['GET', '/runningpods/', 'get', ['pods', 'proxy']],
  ['DELETE', '/healthz/ping', 'delete', ['healthz', 'proxy']],
  ['GET', '/configz', 'get', ['configz', 'proxy']],
  ['GET', '/flagz', 'get', ['configz']],
  ['GET', '/statusz', 'get', ['statusz']],
  ['HEAD', '/stats/..%2Fexec', '', ['stats']],
])('%s of %s needs the right to %s nodes/%j', (method, url, verb, subresources) => {
  expect(kubeletRights(method, url)).toEqual({ verb, subresources });
});
