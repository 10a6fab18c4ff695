import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, messageOf, type Rng } from '@berth/kit';
import { foreignValues } from '../api-server/foreign-values.ts';
import { definitions } from '../api-server/resources/definitions.ts';
import { openSqliteStore } from '../store/store.sqlite.ts';
import type { Store } from '../store/store.ts';
import { StoreError } from '../store/store-error.ts';
import { BerthError } from './berth-error.ts';
import type { DataDir } from './data-dir.ts';
import type { EtcdChoice } from './etcd-flags.ts';

export interface OpenStoreOptions {
  readonly data: DataDir;
  /** Absent: a file in the data directory. */
  readonly etcd: EtcdChoice | undefined;
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

/** The store of API objects. @throws BerthError Failed – it cannot be opened; Usage – a file of a flag cannot be read. */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  try {
    return await (options.etcd ? openEtcd(options.etcd, options) : openFile(options));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const urls = options.etcd?.endpoints.map(({ url }) => url).join(',');
    const hint = `see that it runs and can be reached: etcdctl --endpoints=${urls} endpoint health`;
    throw new BerthError('Failed', error.message, { cause: error, ...(urls === undefined ? {} : { hint }) });
  }
}

async function openFile({ data, clock }: OpenStoreOptions): Promise<Store> {
  await mkdir(data.store, { recursive: true, mode: 0o700 });
  return openSqliteStore({ file: join(data.store, 'berth.db'), clock });
}

async function openEtcd(choice: EtcdChoice, { clock, rng, log }: OpenStoreOptions): Promise<Store> {
  const { endpoints, prefix, compactionMs, caFile, certFile, keyFile } = choice;
  const [ca, cert, key] = await Promise.all([
    read('--etcd-cafile', caFile),
    read('--etcd-certfile', certFile),
    read('--etcd-keyfile', keyFile),
  ]);
  const tls = { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
  const { openEtcdStore } = await import('../store/etcd/store.etcd.ts');
  const foreign = foreignValues(definitions);
  return openEtcdStore({ endpoints, tls, prefix, foreign, compactionMs, clock, rng, log });
}

async function read(flag: string, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw new BerthError('Usage', `${flag} ${file}: ${messageOf(error)}`, { cause: error });
  }
}
