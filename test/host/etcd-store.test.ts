import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRng, silentLogger, systemClock } from '@berth/kit';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { DataDir } from '../../orchestrator/src/berth/data-dir.ts';
import { openStore } from '../../orchestrator/src/berth/open-store.ts';
import { openEtcdStore } from '../../orchestrator/src/store/etcd/store.etcd.ts';
import { storeContract } from '../../orchestrator/src/store/store.contract.ts';
import { EtcdCluster } from '../harness/etcd-cluster.ts';
import { etcdPrograms } from '../harness/etcd-program.ts';

for (const [version, program] of Object.entries(etcdPrograms())) {
  const name = `etcd ${version}`;
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

  test(`${name}: a data directory whose objects are there is not served from a new file afterwards`, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'berth-etcd-data-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const parts = { data: new DataDir(folder), clock: systemClock, rng: seededRng(1), log: silentLogger };
    const etcd = { endpoints: cluster.endpoints, prefix: '/mark', compactionMs: 0 };
    for (let start = 0; start < 2; start++) {
      await using _store = await openStore({ ...parts, etcd });
    }
    await expect(openStore({ ...parts, etcd: undefined })).rejects.toMatchObject({
      message: `${folder} has its objects in etcd, not in a file`,
      hint: expect.stringContaining(`--etcd-servers ${cluster.servers} --etcd-prefix /mark,`),
    });
  });
}
