import { expect, test } from 'vitest';
import { anApiServer } from '../../../../test/harness/api-server.ts';

const path = '/api/v1/componentstatuses';

const healthy = (name: string) => ({
  metadata: { name },
  conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
});
const broken = {
  metadata: { name: 'scheduler' },
  conditions: [{ type: 'Healthy', status: 'False', message: 'starting' }],
};

test('components are looked at when somebody asks, in every form of an answer', async () => {
  const check = () => Promise.reject(new Error('starting'));
  await using server = await anApiServer({ more: { components: [{ name: 'scheduler', check, told: 'message' }] } });
  const get = async (at: string, accept = 'application/json') => {
    const { status, text, headers } = await server.send({ method: 'GET', path: at, accept });
    return { status, json: accept.includes('json') ? JSON.parse(text) : undefined, text, warning: headers['warning'] };
  };
  const list = await get(path);
  expect(list.warning).toBe('299 - "v1 ComponentStatus is deprecated in v1.19+"');
  expect(list.json).toEqual({
    kind: 'ComponentStatusList',
    apiVersion: 'v1',
    metadata: {},
    items: [broken, healthy('etcd-0')],
  });
  expect((await get(`${path}/etcd-0`)).json).toEqual({
    kind: 'ComponentStatus',
    apiVersion: 'v1',
    ...healthy('etcd-0'),
  });
  const named = await get(`${path}?fieldSelector=metadata.name%3Detcd-0`);
  expect(named.json.items).toEqual([healthy('etcd-0')]);
  expect((await get(`${path}?labelSelector=a`)).json.items).toEqual([]);
  const table = await get(path, 'application/json;as=Table;v=v1;g=meta.k8s.io');
  expect(table.json.rows.map(({ cells }: { cells: unknown }) => cells)).toEqual([
    ['scheduler', 'Unhealthy', 'starting', ''],
    ['etcd-0', 'Healthy', 'ok', ''],
  ]);
  expect((await get(`${path}/etcd-0`, 'application/yaml')).text).toContain('type: Healthy');
  const binary = await get(path, 'application/vnd.kubernetes.protobuf');
  expect([binary.status, binary.text]).toEqual([200, expect.stringContaining('etcd-0')]);
  expect(await get(`${path}/none`)).toMatchObject({
    status: 404,
    json: { message: 'componentstatus "none" not found', details: { name: 'none', kind: 'componentstatus' } },
  });
  expect(await get(`${path}?watch=true`)).toMatchObject({
    status: 405,
    warning: list.warning,
    json: { message: 'watch is not supported on resources of kind "componentstatuses"' },
  });
});
