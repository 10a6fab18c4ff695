import { readFileSync } from 'node:fs';
import { Metrics } from '@berth/kit';
import { resources } from '@berth/kube';
import { expect, test } from 'vitest';
import { aClaim, aClass } from '../../test/harness/storage-builders.ts';
import { StorageWorld } from '../../test/harness/storage-world.ts';

const recorded = JSON.parse(readFileSync(new URL('../../test/golden/metrics.json', import.meta.url), 'utf8')) as {
  components: Record<string, { name: string; type: string; labels: string[] }[]>;
};

test('after a claim the metrics have the names, types and labels of external-provisioner', async () => {
  const metrics = new Metrics();
  await using world = await StorageWorld.start({ metrics });
  await world.create(resources.storageclasses, aClass('csi-hostpath-sc'));
  await world.create(resources.persistentvolumeclaims, aClaim('c1'));
  await world.until(() => world.claimPhase('c1') === 'Bound');
  const text = metrics.text();
  const own =
    recorded.components['external-provisioner']?.filter(({ name }) => /^(controller_p|csi_)/.test(name)) ?? [];
  expect(own.length).toBeGreaterThan(2);
  for (const { name, type, labels } of own) {
    expect(text).toContain(`# TYPE ${name} ${type}\n`);
    const line = text.split('\n').find((one) => one.startsWith(type === 'histogram' ? `${name}_count{` : `${name}{`));
    expect([...(line ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label).sort()).toEqual(labels);
  }
});
