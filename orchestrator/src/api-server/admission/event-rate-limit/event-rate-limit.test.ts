import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KubeClient, type KubeObject, resources } from '@berth/kube';
import { expect, onTestFinished, test } from 'vitest';
import { aServer } from '../../server.test-harness.ts';

function aFolder(files: Record<string, object>): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-admission-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, value] of Object.entries(files)) writeFileSync(join(folder, name), JSON.stringify(value));
  return folder;
}

const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration' };
const limits = (...list: object[]) => ({
  apiVersion: 'eventratelimit.admission.k8s.io/v1alpha1',
  kind: 'Configuration',
  limits: list,
});

async function limited(configuration: object) {
  const folder = aFolder({ 'config.yaml': { ...head, plugins: [{ name: 'EventRateLimit', configuration }] } });
  return aServer({
    admissionPlugins: { enable: ['EventRateLimit'], disable: [], configFile: join(folder, 'config.yaml') },
  });
}

let made = 0;
function event(namespace: string, more: object = {}): KubeObject {
  return {
    metadata: { name: `e${made++}`, namespace },
    involvedObject: { kind: 'Pod', name: 'p', namespace },
    ...more,
  } as KubeObject;
}

async function outcomes(client: KubeClient, events: readonly KubeObject[]): Promise<string[]> {
  const all: string[] = [];
  for (const each of events)
    all.push(
      await client.create(resources.events, each as never).then(
        () => 'ok',
        (error: Error) => error.message,
      ),
    );
  return all;
}

test('a namespace has its burst, then its rate; others have theirs', async () => {
  await using s = await limited(limits({ type: 'Namespace', qps: 2, burst: 3 }));
  const refusal = 'Too many requests: limit reached on type Namespace for key default';
  const four = () => Array.from({ length: 4 }, () => event('default'));
  expect(await outcomes(s.client, four())).toEqual(['ok', 'ok', 'ok', refusal]);
  expect(await outcomes(s.client, [event('kube-system')])).toEqual(['ok']);
  await s.clock.advance(1000);
  expect(await outcomes(s.client, four())).toEqual(['ok', 'ok', refusal, refusal]);
});

test('several limits are all asked, and all told of', async () => {
  await using s = await limited(
    limits({ type: 'Server', qps: 1, burst: 1 }, { type: 'SourceAndObject', qps: 1, burst: 1 }),
  );
  const source = { source: { component: 'kubelet', host: 'n1' } };
  expect(await outcomes(s.client, [event('default', source), event('default', source)])).toEqual([
    'ok',
    'Too many requests: [limit reached on type Server for key , limit reached on type SourceAndObject for key kubeletn1Poddefaultp]',
  ]);
});

test('a configuration can be in a file of its own', async () => {
  const folder = aFolder({
    'config.yaml': { ...head, plugins: [{ name: 'EventRateLimit', path: 'limits.yaml' }] },
    'limits.yaml': limits({ type: 'User', qps: 1, burst: 1 }),
  });
  await using s = await aServer({
    admissionPlugins: { enable: ['EventRateLimit'], disable: [], configFile: join(folder, 'config.yaml') },
  });
  expect(await outcomes(s.client, [event('default'), event('kube-system')])).toEqual([
    'ok',
    expect.stringMatching(/on type User for key system:apiserver$/),
  ]);
});

test.each<[string, object, RegExp]>([
  ['no limits', limits(), /limits: Invalid value: null: must not be empty/],
  ['another type', limits({ type: 'Pod', qps: 1, burst: 1 }), /limits\[0\].type: Unsupported value: "Pod"/],
  ['no burst', limits({ type: 'Server', qps: 1 }), /limits\[0\].burst: Invalid value: 0: must be positive/],
  ['another kind', { ...limits(), kind: 'Limits' }, /no kind "Limits" is registered/],
  ['no kind', { limits: [] }, /"EventRateLimit": Object 'Kind' is missing in '\{"limits":\[\]\}'/],
  ['no version', { kind: 'Configuration' }, /Object 'apiVersion' is missing in/],
  [
    'a rate of words',
    limits({ type: 'Server', qps: 'x', burst: 1 }),
    /json: cannot unmarshal string into Go struct field Limit.limits.qps of type int32/,
  ],
])('a configuration with %s keeps the server from starting', async (_what, configuration, words) => {
  await expect(limited(configuration)).rejects.toThrow(words);
});
