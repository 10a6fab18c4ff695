import { expect, test } from 'vitest';
import { normalizeReference } from './image-reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

test.each([
  ['nginx', 'docker.io/library/nginx:latest'],
  ['nginx:1.27', 'docker.io/library/nginx:1.27'],
  ['docker.io/nginx', 'docker.io/library/nginx:latest'],
  ['index.docker.io/team/app', 'docker.io/team/app:latest'],
  ['team/app', 'docker.io/team/app:latest'],
  ['localhost/app', 'localhost/app:latest'],
  ['registry.k8s.io/nginx-slim:0.8', 'registry.k8s.io/nginx-slim:0.8'],
  ['127.0.0.1:5000/a/b/c', '127.0.0.1:5000/a/b/c:latest'],
  ['[::1]:5000/app:1', '[::1]:5000/app:1'],
  [`nginx@${digest}`, `docker.io/library/nginx@${digest}`],
  [`nginx:1.27@${digest}`, `docker.io/library/nginx@${digest}`],
])('the full name of %s is %s', (short, full) => {
  expect(normalizeReference(short)).toBe(full);
});

test.each([
  '',
  ':',
  'Nginx',
  'nginx:',
  'nginx:-tag',
  `nginx:${'t'.repeat(129)}`,
  '../etc',
  'a//b',
  'a/../b',
  'nginx@sha256:abc',
  `nginx@sha512:${'a'.repeat(128)}`,
  `nginx@${digest}@${digest}`,
  'nginx\n',
  'nginx:1\0',
  'a'.repeat(300),
  'registry.k8s.io:port/app',
])('%j is no image name', (text) => {
  expect(() => normalizeReference(text)).toThrow(/invalid reference format/);
});
