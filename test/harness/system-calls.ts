import childProcess from 'node:child_process';
import fs from 'node:fs';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import { constants } from 'node:os';
import { DatabaseSync, StatementSync } from 'node:sqlite';
// Past the door on purpose: every system call that node:fs has not goes through this one table.
import { btrfs, IOCTL, O_CREAT } from '../../linux/src/flags.ts';
import { libc } from '../../linux/src/libc.ts';
import { patchRpc } from './rpc-calls.ts';

const koffi = createRequire(new URL('../../linux/src/libc.ts', import.meta.url))('koffi') as {
  errno(value?: number): number;
};

/** One thing a program asks of the machine. */
export interface SystemCall {
  readonly name: string;
  /** What it looks at, where one look at the machine takes many of its kind. */
  readonly at?: string;
  /** False for what only looks: a crash before or after it is the same crash. */
  readonly changes: boolean;
}

/** What happens instead: an error without the call, or an end of the program at it. */
export type Fault =
  | { readonly at: 'errno'; readonly errno: string }
  /** Nothing happens, and the caller is told that it did. */
  | { readonly at: 'skip' }
  /** `after`: the call is done, and its caller never learns. */
  | { readonly at: 'before' | 'after'; readonly end: () => never };

export type Watch = (call: SystemCall) => Fault | undefined;

type Any = (...args: unknown[]) => unknown;

let watch: Watch | undefined;
let pending = 0;
let installed = false;

/**
 * Shows every system call of this process, and those of node:fs, SQLite and started programs, to `watch`, which may have it
 * fail or end the program there. The programs under test know nothing of it: it takes the place of what they call.
 */
export function watchSystemCalls(next: Watch): Disposable {
  install();
  watch = next;
  return {
    [Symbol.dispose]: () => {
      watch = undefined;
    },
  };
}

/** Resolves when nothing that was begun still runs on another thread or as another program. */
export async function systemCallsEnded(): Promise<void> {
  do await new Promise((resolve) => setTimeout(resolve, 1));
  while (pending > 0);
}

function install(): void {
  if (installed) return;
  installed = true;
  for (const [name, call] of Object.entries(libc)) {
    if (typeof call === 'function' && name !== 'close') {
      (libc as unknown as Record<string, unknown>)[name] = nativeCall(name, call as unknown as Native);
    }
  }
  patchFileSystem();
  patchSqlite();
  patchPrograms();
  patchRpc({ ask: (call) => watch?.(call), during: counted });
  syncBuiltinESMExports();
}

async function counted<T>(work: () => Promise<T>): Promise<T> {
  pending++;
  try {
    return await work();
  } finally {
    pending--;
  }
}

interface Native extends Any {
  async: Any;
}

const looking = new Set([
  'flock',
  'statx',
  'lseek',
  'llistxattr',
  'lgetxattr',
  'flistxattr',
  'fgetxattr',
  'openTree',
  'openat2',
  'faccessat',
  'getdents',
]);
const lookingRequests = new Map<unknown, string>([
  [IOCTL.blkroget, 'BLKROGET'],
  [IOCTL.blkgetsize64, 'BLKGETSIZE64'],
  [IOCTL.loopGetStatus64, 'LOOP_GET_STATUS64'],
  [IOCTL.loopCtlGetFree, 'LOOP_CTL_GET_FREE'],
  [btrfs.inodeLookup, 'BTRFS_IOC_INO_LOOKUP'],
  [btrfs.filesystemInfo, 'BTRFS_IOC_FS_INFO'],
  [btrfs.quotaRescanWait, 'BTRFS_IOC_QUOTA_RESCAN_WAIT'],
]);
const requests = new Map<unknown, string>([...Object.entries(IOCTL), ...Object.entries(btrfs)].map(([k, v]) => [v, k]));

function describe(name: string, args: readonly unknown[]): SystemCall {
  if (name.startsWith('ioctl')) {
    const request = args[1];
    return { name: `ioctl ${requests.get(request) ?? request}`, changes: !lookingRequests.has(request) };
  }
  if (name === 'openat') return { name, changes: (Number(args[2]) & O_CREAT) !== 0 };
  return { name, changes: !looking.has(name) };
}

function nativeCall(name: string, original: Native): Native {
  const wrapped = ((...args: unknown[]) => {
    const fault = watch?.(describe(name, args));
    if (!fault) return original(...args);
    if (fault.at === 'errno') return failed(fault.errno);
    if (fault.at === 'skip') return 0;
    if (fault.at === 'after') original(...args);
    return fault.end();
  }) as Native;
  wrapped.async = (...args) => {
    const callback = args.at(-1) as Any;
    const fault = watch?.(describe(name, args));
    if (fault?.at === 'before') return void setImmediate(() => ended(fault.end, callback));
    if (fault?.at === 'errno') return void setImmediate(() => callback(null, failed(fault.errno)));
    if (fault?.at === 'skip') return void setImmediate(() => callback(null, 0));
    pending++;
    original.async(...args.slice(0, -1), (failure: unknown, result: unknown) => {
      pending--;
      if (fault) ended(fault.end, callback);
      else callback(failure, result);
    });
  };
  return wrapped;
}

function failed(errno: string): number {
  koffi.errno((constants.errno as Record<string, number>)[errno] as number);
  return -1;
}

/** Hands what ends the program, where it is an exception, to who waits for the call. */
function ended(end: () => never, callback: Any): void {
  try {
    end();
  } catch (error) {
    callback(error);
  }
}

/** Functions of node:fs the driver and its packages use; true for those that change something. */
const syncFunctions: Readonly<Record<string, boolean>> = {
  mkdirSync: true,
  rmdirSync: true,
  chmodSync: true,
  linkSync: true,
  symlinkSync: true,
  unlinkSync: true,
  renameSync: true,
  writeSync: true,
  writeFileSync: true,
  readdirSync: false,
  readFileSync: false,
  readSync: false,
  lstatSync: false,
  statSync: false,
  fstatSync: false,
  statfsSync: false,
  realpathSync: false,
  accessSync: false,
  openSync: false,
};
const promiseFunctions = { mkdir: true, rename: true, unlink: true, statfs: false, stat: false, readdir: false };

function patchFileSystem(): void {
  const all = fs as unknown as Record<string, Any>;
  for (const [name, changes] of Object.entries(syncFunctions)) all[name] = syncCall(name, all[name] as Any, changes);
  all['fsync'] = callbackCall('fsync', all['fsync'] as Any, true);
  const promises = fs.promises as unknown as Record<string, Any>;
  for (const [name, changes] of Object.entries(promiseFunctions)) {
    promises[name] = promiseCall(name, promises[name] as Any, changes);
  }
}

function syncCall(name: string, original: Any, changes: boolean): Any {
  return Object.assign((...args: unknown[]) => {
    const fault = watch?.({ name, changes, ...ofKernel(name, args[0]) });
    if (!fault) return original(...args);
    if (fault.at === 'errno') throw errnoError(fault.errno, name);
    if (fault.at === 'skip') return undefined;
    if (fault.at === 'after') original(...args);
    return fault.end();
  }, original);
}

/** Of what the kernel tells of processes and devices there is as much as there are of them on the machine. */
function ofKernel(name: string, path: unknown): Pick<SystemCall, 'name' | 'at'> | undefined {
  if (typeof path !== 'string' || !/^\/(sys|proc\/\d+)\//.test(path)) return undefined;
  return { name: `${name} ${path.replaceAll(/\d+/g, '#')}`, at: path };
}

function callbackCall(name: string, original: Any, changes: boolean): Any {
  return (...args) => {
    const callback = args.at(-1) as Any;
    const fault = watch?.({ name, changes });
    if (fault?.at === 'before') return void setImmediate(() => ended(fault.end, callback));
    if (fault?.at === 'errno') return void setImmediate(() => callback(errnoError(fault.errno, name)));
    if (fault?.at === 'skip') return void setImmediate(() => callback(null));
    pending++;
    original(...args.slice(0, -1), (...results: unknown[]) => {
      pending--;
      if (fault) ended(fault.end, callback);
      else callback(...results);
    });
  };
}

function promiseCall(name: string, original: Any, changes: boolean): Any {
  return async (...args) => {
    const fault = watch?.({ name, changes });
    if (fault?.at === 'before') return fault.end();
    if (fault?.at === 'errno') throw errnoError(fault.errno, name);
    if (fault?.at === 'skip') return undefined;
    pending++;
    try {
      const result = await original(...args);
      return fault ? fault.end() : result;
    } finally {
      pending--;
    }
  };
}

function errnoError(code: string, syscall: string): Error {
  const errno = -((constants.errno as Record<string, number>)[code] as number);
  return Object.assign(new Error(`${code}: a fault of the test, ${syscall}`), { errno, code, syscall });
}

/** SQLite's own words for what its system calls met (sqlite.org/rescode.html). */
const sqliteCodes: Readonly<Record<string, [errcode: number, message: string]>> = {
  ENOSPC: [13, 'database or disk is full'],
  EIO: [778, 'disk I/O error'],
  EROFS: [8, 'attempt to write a readonly database'],
  EBUSY: [5, 'database is locked'],
  EMFILE: [14, 'unable to open database file'],
};

function patchSqlite(): void {
  const database = DatabaseSync.prototype as unknown as Record<string, Any>;
  const statement = StatementSync.prototype as unknown as Record<string, Any>;
  database['exec'] = sqliteCall(database['exec'] as Any, (sql) => {
    const text = String(sql);
    // Nothing durable, and what a program does that is just ending.
    if (text.startsWith('ROLLBACK')) return undefined;
    if (text.includes('COMMIT')) return { name: 'sqlite COMMIT', changes: true };
    return { name: `sqlite ${text.split(' ', 1)[0]}`, changes: text.includes('PRAGMA') };
  });
  for (const name of ['run', 'get', 'all']) {
    statement[name] = sqliteCall(statement[name] as Any, () => ({ name: `sqlite ${name}`, changes: false }));
  }
}

function sqliteCall(original: Any, describeCall: (first: unknown) => SystemCall | undefined): Any {
  return function (this: unknown, ...args: unknown[]) {
    const call = describeCall(args[0]);
    const fault = call && watch?.(call);
    if (!fault) return original.apply(this, args);
    if (fault.at === 'errno') {
      const [errcode, message] = sqliteCodes[fault.errno] as [number, string];
      throw Object.assign(new Error(message), { code: 'ERR_SQLITE_ERROR', errcode });
    }
    if (fault.at === 'skip') return undefined;
    if (fault.at === 'after') original.apply(this, args);
    return fault.end();
  };
}

/** As Node has it: a child without a process, whose end is heard of later. */
function notStarted(end: () => void): childProcess.ChildProcess {
  setImmediate(end);
  return new childProcess.ChildProcess();
}

/** A program that was started goes on when the one that started it ends. */
function patchPrograms(): void {
  const all = childProcess as unknown as Record<string, Any>;
  const original = all['execFile'] as Any;
  all['execFile'] = (...args) => {
    const callback = args.at(-1) as Any;
    const name = `execve ${String(args[0])}`;
    const fault = watch?.({ name, changes: args[0] !== 'blkid' });
    if (fault?.at === 'before') return notStarted(() => ended(fault.end, callback));
    if (fault?.at === 'errno') return notStarted(() => callback(errnoError(fault.errno, name), '', ''));
    if (fault?.at === 'skip') return notStarted(() => callback(null, '', ''));
    pending++;
    const child = original(...args.slice(0, -1), (...results: unknown[]) => {
      pending--;
      if (!fault) callback(...results);
    });
    if (fault) setImmediate(() => ended(fault.end, callback));
    return child;
  };
}
