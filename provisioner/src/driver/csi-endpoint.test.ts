import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { csiEndpoint } from './csi-endpoint.ts';

test.each([
  ['/run/csi.sock', 'unix:///run/csi.sock'],
  ['run/csi.sock', `unix://${resolve('run/csi.sock')}`],
  ['unix:///run/csi.sock', 'unix:///run/csi.sock'],
  ['unix:run/csi.sock', 'unix:run/csi.sock'],
  ['dns:///driver:9000', 'dns:///driver:9000'],
])('%s is reached at %s', (address, endpoint) => {
  expect(csiEndpoint(address)).toBe(endpoint);
});
