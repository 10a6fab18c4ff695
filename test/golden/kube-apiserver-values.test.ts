import { expect, test } from 'vitest';
import { foreignValues } from '../../orchestrator/src/api-server/foreign-values.ts';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';
import { EtcdKeys } from '../../orchestrator/src/store/etcd/etcd-keys.ts';
import { goldenFile } from './resource-rules.ts';

interface Recorded {
  readonly key: string;
  readonly revision: number;
  /** base64 */
  readonly value: string;
  /** The object as kube-apiserver answers it. */
  readonly shown: { readonly kind: string; readonly apiVersion: string; readonly metadata: object };
}

/** Of kube-apiserver 1.36.3 on etcd 3.6.5, as it stores by default. */
const recorded = goldenFile<readonly Recorded[]>('kube-apiserver-values.json');
const foreign = foreignValues(definitions);
const keys = new EtcdKeys('/registry');

test.each(recorded)('kube-apiserver’s value of $key is read as it shows it', async ({ value, revision, shown }) => {
  const own = Buffer.from((await foreign(Buffer.from(value, 'base64'))) ?? []).toString();
  expect(own.startsWith(`{"kind":"${shown.kind}","apiVersion":"${shown.apiVersion}","metadata":{`)).toBe(true);
  const { metadata, ...rest } = JSON.parse(own) as Recorded['shown'];
  expect({ ...rest, metadata: { ...metadata, resourceVersion: String(revision) } }).toEqual(shown);
});

test.each(recorded)('$key is where its resource is looked for', ({ key, shown }) => {
  const definition = definitions.find(
    (each) => each.kind === shown.kind && shown.apiVersion === (each.group ? `${each.group}/${each.version}` : each.version),
  );
  const { name, namespace } = shown.metadata as { readonly name: string; readonly namespace?: string };
  const resource = definition?.plural ?? 'example.com/quxes';
  const own = `/registry/${resource}/${namespace ? `${namespace}/` : ''}${name}`;
  expect(keys.ours(Buffer.from(key))).toBe(own);
  expect(Buffer.from(keys.key(own)).toString()).toBe(key);
});
