import { existsSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { messageOf, syncDirectory, systemClock } from '@berth/kit';
import { resolveLinks } from '@berth/linux';
import type { Command } from 'commander';
import { writeBackup } from '../store/backup-file.ts';
import { openSqliteStore } from '../store/store.sqlite.ts';
import { StoreError } from '../store/store-error.ts';
import { BerthError } from './berth-error.ts';
import { DataDir } from './data-dir.ts';
import { fetchBackup } from './fetch-backup.ts';
import { isReplaceable } from './prepare-file.ts';
import type { Terminal } from './terminal.ts';

interface Flags {
  readonly dataDir: string;
  readonly force: boolean;
}

/** `berth backup` and `berth restore`: the API objects in a file; volumes and images are not in it. */
export function addBackupCommands(parent: Command, terminal: Terminal): void {
  parent
    .command('backup <file>')
    .description('write all API objects of one moment to a file, also while `berth up` runs; secrets are in it')
    .option('--data-dir <dir>', 'data directory', '/var/lib/berth')
    .option('--force', 'replace the file', false)
    .addHelpText(
      'after',
      '\nExamples:\n  berth backup /root/berth-2026-01-31.db\n  berth backup --data-dir /srv/berth --force latest.db\n',
    )
    .action(async (file: string, flags: Flags) => {
      await backup(resolve(file), flags, terminal);
      terminal.out(`wrote ${file}; bring it back with: berth restore ${file} --data-dir DIR\n`);
    });
  parent
    .command('restore <file>')
    .description('make the API objects those of a backup; `berth up` must not run')
    .option('--data-dir <dir>', 'data directory', '/var/lib/berth')
    .option('--force', 'replace the objects that are there; they stay beside, as berth.db.before-restore', false)
    .addHelpText(
      'after',
      '\nVolumes and pods are as they are: what the backup does not know of them is removed by the next `berth up`.\n' +
        '\nExamples:\n  berth restore /root/berth-2026-01-31.db --force\n  berth restore latest.db --data-dir /srv/new\n',
    )
    .action(async (file: string, flags: Flags) => {
      await restore(resolve(file), flags);
      terminal.out(`restored ${file}; start with: berth up --data-dir ${flags.dataDir}\n`);
    });
}

async function backup(file: string, { dataDir, force }: Flags, { err }: Terminal): Promise<void> {
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory())
    throw new BerthError('Usage', `${file} is a directory`, { hint: `name a file in it: ${join(file, 'berth.db')}` });
  refuseSpecial(file);
  refuseStore(file);
  const data = new DataDir(dataDir);
  const store = join(data.store, 'berth.db');
  if (!existsSync(store)) throw nothingIn(data);
  if (existsSync(file) && !force) throw new BerthError('Usage', `${file} exists`, { hint: 'replace it with: --force' });
  const running = (await data.runningPid()) !== undefined;
  const waits = () => err('berth: waiting for another backup, or a compaction, to end\n');
  const fetched = (to: string) => fetchBackup(data.kubeconfig, { to, clock: systemClock, waits });
  await replaced(file, running ? fetched : (to) => copyStore(store, to));
}

function nothingIn(data: DataDir): BerthError {
  if (existsSync(data.etcdMark))
    return new BerthError('Usage', `${data.path} has its objects in etcd, not in a file`, {
      hint: `let etcd back them up: etcdctl snapshot save FILE, at the endpoints in ${data.etcdMark}`,
    });
  return new BerthError('NotFound', `${data.path} holds no API objects`, { hint: 'name another: --data-dir DIR' });
}

/** What is replaced or read whole is a file: a pipe is waited for without end. */
function refuseSpecial(file: string): void {
  if (!isReplaceable(file)) throw new BerthError('Usage', `${file} is not a regular file`);
}

/** A store whose file is replaced under it goes on in one that has no name, and its log is then applied to the wrong one. */
function refuseStore(file: string): void {
  const folder = resolveLinks(dirname(file));
  const data = new DataDir(dirname(folder));
  if (folder !== data.store || !data.isOurs) return;
  throw new BerthError('Usage', `${file} is where ${data.path} has its API objects`, { hint: 'name a file elsewhere' });
}

/** Written beside and put in place whole: a backup that was broken off never looks like one. */
async function replaced(file: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${file}.part`;
  try {
    await rm(temporary, { force: true });
    await write(temporary);
    await rename(temporary, file);
    await syncDirectory(dirname(file));
  } catch (error) {
    await rm(temporary, { force: true });
    if (error instanceof BerthError) throw error;
    throw new BerthError('Failed', `cannot write ${file}: ${messageOf(error)}`, { cause: error });
  }
}

async function copyStore(store: string, to: string): Promise<void> {
  await using opened = await openStore(store);
  await writeBackup((opened.backup as NonNullable<typeof opened.backup>)(), to);
}

async function openStore(file: string) {
  try {
    return await openSqliteStore({ file, clock: systemClock });
  } catch (error) {
    if (error instanceof StoreError) throw new BerthError('Failed', error.message, { cause: error });
    throw error;
  }
}

async function restore(file: string, { dataDir, force }: Flags): Promise<void> {
  if (!existsSync(file)) throw new BerthError('NotFound', `there is no file ${file}`);
  refuseSpecial(file);
  const data = new DataDir(dataDir);
  await data.refuseForeign();
  const hadLock = existsSync(data.lockFile);
  const made = await mkdir(data.store, { recursive: true, mode: 0o700 });
  using _ = await data.hold();
  try {
    await restoreInto(data, file, force);
  } catch (error) {
    // What is refused leaves nothing behind: the folder would be taken for one of ours, without objects.
    if (!hadLock) await rm(data.lockFile, { force: true });
    if (made !== undefined) await rm(made, { recursive: true });
    throw error;
  }
}

async function restoreInto(data: DataDir, file: string, force: boolean): Promise<void> {
  const store = join(data.store, 'berth.db');
  if (!force) refuseReplacement(data, store);
  const { restoreFile } = await import('../store/restore-file.ts');
  try {
    await restoreFile(file, store);
  } catch (error) {
    if (error instanceof StoreError) throw new BerthError('Usage', error.message, { cause: error });
    throw error;
  }
}

/** @throws BerthError Usage – the directory has objects already, in a file or in etcd. */
function refuseReplacement(data: DataDir, store: string): void {
  if (existsSync(store))
    throw new BerthError('Usage', `${data.path} has API objects already`, {
      hint: 'replace them with: --force; they stay beside, as berth.db.before-restore',
    });
  if (existsSync(data.etcdMark))
    throw new BerthError('Usage', `${data.path} has its objects in etcd, not in a file`, {
      hint: 'go on with those of the backup, in a file: --force; what etcd has stays there',
    });
}
