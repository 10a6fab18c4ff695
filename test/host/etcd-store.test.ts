import { silentLogger, systemClock } from '@berth/kit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openEtcdStore } from '../../orchestrator/src/store/etcd/store.etcd.ts';
import { storeContract } from '../../orchestrator/src/store/store.contract.ts';
import { EtcdCluster } from '../harness/etcd-cluster.ts';
import { debianEtcd, newerEtcd } from '../harness/etcd-program.ts';

const programs = { 'etcd 3.4': debianEtcd, ...(newerEtcd() ? { 'etcd 3.6': newerEtcd() as string } : {}) };

for (const [name, program] of Object.entries(programs)) {
  let cluster: EtcdCluster;
  let prefixes = 0;
  beforeAll(async () => {
    cluster = await EtcdCluster.start({ program });
  });
  afterAll(() => cluster?.[Symbol.asyncDispose]());
  const open = () =>
    openEtcdStore({
      endpoints: cluster.endpoints,
      prefix: `/contract-${prefixes++}`,
      clock: systemClock,
      log: silentLogger,
    });
  storeContract(name, open);

  test(`${name}: what it takes is what the cluster says`, async () => {
    await using store = await open();
    expect(await store.sizeBytes?.()).toBeGreaterThan(4096);
  });
}
