import { systemClock } from '@berth/kit';
import { expect, test } from 'vitest';
import { openEncryptedStore } from '../../orchestrator/src/api-server/encryption/open-encrypted-store.ts';
import { foreignValues } from '../../orchestrator/src/api-server/foreign-values.ts';
import { definitions } from '../../orchestrator/src/api-server/resources/definitions.ts';
import { MemoryStore } from '../../orchestrator/src/index.ts';
import { EtcdKeys } from '../../orchestrator/src/store/etcd/etcd-keys.ts';
import { aFile } from '../harness/kubeconfig-file.ts';
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

interface Sealed {
  readonly provider: string;
  readonly key: string;
  /** base64 */
  readonly value: string;
}

/** Values of above, sealed by k8s.io/apiserver 0.36.3's transformers with the bytes 0 to 31 as the secret. */
const sealed = goldenFile<readonly Sealed[]>('kube-apiserver-sealed-values.json');

test.each(sealed)('what kube-apiserver sealed with $provider at $key is read', async ({ provider, key, value }) => {
  const secret = Buffer.from(Array.from({ length: 32 }, (_, i) => i)).toString('base64');
  const providers = [{ [provider]: { keys: [{ name: 'key1', secret }] } }];
  using file = aFile(
    JSON.stringify({
      apiVersion: 'apiserver.config.k8s.io/v1',
      kind: 'EncryptionConfiguration',
      resources: [{ resources: ['*.*'], providers }],
    }),
  );
  const etcd = Object.assign(new MemoryStore({ clock: systemClock }), {
    shared: true as const,
    placeOf: (own: string) => keys.text(own),
  });
  await using store = (await openEncryptedStore(etcd, file.path, definitions)).store;
  const own = keys.ours(Buffer.from(key)) ?? '';
  const watching = store.watch(own, 0, AbortSignal.timeout(30_000));
  await etcd.write({ key: own, value: Buffer.from(value, 'base64') });
  const plain = Buffer.from(recorded.find((each) => each.key === key)?.value ?? '', 'base64');
  const expected = Buffer.from((await foreign(plain)) ?? []).toString();
  const found = await store.get(own);
  expect(Buffer.from(found?.value ?? []).toString()).toBe(expected);
  expect((await store.range({ prefix: own })).items).toEqual([found]);
  for await (const events of watching) {
    expect(events).toMatchObject([{ type: 'put', item: found }]);
    break;
  }
  expect(store.isStale?.(found as NonNullable<typeof found>)).toBe(false);
  // What is written here, kube-apiserver opens: by the same way and place.
  await store.write({ key: own, value: Buffer.from(expected) });
  expect(await store.get(own)).toMatchObject({ value: Buffer.from(expected) });
});
