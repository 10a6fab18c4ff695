import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import { type Clock, type Logger, messageOf, type Rng, writeFileDurably } from '@berth/kit';
import type { TlsFiles } from '@berth/protos';
import { certificatesOf } from '../api-server/authentication/certificate-roots.ts';
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

/** The store of API objects. @throws BerthError Failed – it cannot be opened, or was half restored; Usage – a file of a flag cannot be read. */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  try {
    return await (options.etcd ? openEtcd(options.etcd, options) : openFile(options));
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const { etcd } = options;
    const isAway = etcd && error.code === 'Unavailable';
    const hint = isAway ? { hint: `see that it runs and can be reached: ${healthQuestion(etcd)}` } : {};
    throw new BerthError('Failed', error.message, { cause: error, ...hint });
  }
}

async function openFile({ data, clock, log }: OpenStoreOptions): Promise<Store> {
  await refuseOtherThanEtcd(data);
  refuseHalfRestored(data);
  await mkdir(data.store, { recursive: true, mode: 0o700 });
  await removeLeftCopies(data);
  return openSqliteStore({ file: fileOf(data), clock, log });
}

/** Of a restore, and of a backup of an older release, that were killed: secrets are in them. A trial of a full disk takes room. Nobody else would remove them. */
async function removeLeftCopies({ store }: DataDir): Promise<void> {
  for (const name of await readdir(store))
    if (/^berth\.db\.(backup-\d+|restored|try)(-wal|-shm|-journal)?$/.test(name))
      await rm(join(store, name), { force: true });
}

async function openEtcd(choice: EtcdChoice, { data, clock, rng, log }: OpenStoreOptions): Promise<Store> {
  const { endpoints, prefix, compactionMs, caFile, certFile, keyFile } = choice;
  refuseOtherThanFile(data);
  const tls = () => tlsFiles(choice);
  const { ca, cert, key } = await tls();
  // An authority that is none would only be told as not trusted.
  if (ca) usable(`--etcd-cafile ${caFile}`, () => certificatesOf(ca.toString()));
  if (cert && key)
    usable(`--etcd-certfile ${certFile} and --etcd-keyfile ${keyFile}`, () => createSecureContext({ cert, key }));
  const { openEtcdStore } = await import('../store/etcd/store.etcd.ts');
  const foreign = foreignValues(definitions);
  const store = await openEtcdStore({ endpoints, tls, prefix, foreign, compactionMs, clock, rng, log });
  const flags = `--etcd-servers ${endpoints.map(({ url }) => url).join(',')} --etcd-prefix ${prefix}`;
  await mkdir(data.store, { recursive: true, mode: 0o700 });
  await writeFileDurably(data.etcdMark, `${flags}\n`, 0o600);
  return store;
}

function fileOf({ store }: DataDir): string {
  return join(store, 'berth.db');
}

/** On another store everything here would be what nobody asked for: pods and volumes would go. @throws BerthError Usage */
function refuseOtherThanFile(data: DataDir): void {
  const file = fileOf(data);
  if (!existsSync(file)) return;
  throw new BerthError('Usage', `${data.path} has its objects in ${file}, not in etcd`, {
    hint: `leave out --etcd-servers, name another --data-dir, or move ${file} away to go on with what etcd has`,
  });
}

/** @throws BerthError Usage */
async function refuseOtherThanEtcd(data: DataDir): Promise<void> {
  const mark = data.etcdMark;
  if (existsSync(fileOf(data)) || !existsSync(mark)) return;
  throw new BerthError('Usage', `${data.path} has its objects in etcd, not in a file`, {
    hint: `give ${(await readFile(mark, 'utf8')).trim()}, name another --data-dir, or remove ${mark} to begin without objects`,
  });
}

/** Killed between its last two steps, a restore leaves the old file aside and the new one not yet in place. @throws BerthError Failed */
function refuseHalfRestored(data: DataDir): void {
  const file = fileOf(data);
  const aside = `${file}.before-restore`;
  if (existsSync(file) || !existsSync(aside) || !existsSync(`${file}.restored`)) return;
  throw new BerthError('Failed', `a restore of ${file} did not come to its end`, {
    hint: `run berth restore again; or move ${aside}, and what is named like it, back in its place`,
  });
}

/** As they are now: whoever renews certificates replaces files. @throws BerthError Usage – one cannot be read. */
async function tlsFiles({ caFile, certFile, keyFile }: EtcdChoice): Promise<TlsFiles> {
  const [ca, cert, key] = await Promise.all([
    read('--etcd-cafile', caFile),
    read('--etcd-certfile', certFile),
    read('--etcd-keyfile', keyFile),
  ]);
  return { ...(ca ? { ca } : {}), ...(cert ? { cert } : {}), ...(key ? { key } : {}) };
}

/** How etcd's own tool asks. */
function healthQuestion({ endpoints, caFile, certFile, keyFile }: EtcdChoice): string {
  const files = { cacert: caFile, cert: certFile, key: keyFile };
  const flags = Object.entries(files).flatMap(([name, file]) => (file === undefined ? [] : [`--${name}=${file}`]));
  return ['etcdctl', `--endpoints=${endpoints.map(({ url }) => url).join(',')}`, ...flags, 'endpoint health'].join(' ');
}

/** @throws BerthError Usage – files of a flag are not what they should be. */
function usable(what: string, use: () => unknown): void {
  try {
    use();
  } catch (error) {
    throw new BerthError('Usage', `${what}: ${messageOf(error).replace(/^error:[0-9A-F]+:/, '')}`, { cause: error });
  }
}

async function read(flag: string, file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw new BerthError('Usage', `${flag} ${file}: ${messageOf(error)}`, { cause: error });
  }
}
