import { constants } from 'node:os';
import koffi from 'koffi';
import { O_RDWR } from './flags.ts';
import { check, errorOf } from './libc.ts';

const lib = koffi.load('libc.so.6');
const posixSpawn = lib.func(
  'int posix_spawn(_Out_ int *pid, str path, uint8_t *actions, uint8_t *attributes, str *argv, str *envp)',
);
const actionsInit = lib.func('int posix_spawn_file_actions_init(uint8_t *actions)');
const actionsDestroy = lib.func('int posix_spawn_file_actions_destroy(uint8_t *actions)');
const addDup = lib.func('int posix_spawn_file_actions_adddup2(uint8_t *actions, int from, int to)');
const addOpen = lib.func(
  'int posix_spawn_file_actions_addopen(uint8_t *actions, int fd, str path, int flags, unsigned int mode)',
);
const addChdir = lib.func('int posix_spawn_file_actions_addchdir_np(uint8_t *actions, str path)');
const attributesInit = lib.func('int posix_spawnattr_init(uint8_t *attributes)');
const setFlags = lib.func('int posix_spawnattr_setflags(uint8_t *attributes, short flags)');
const setSignalDefault = lib.func('int posix_spawnattr_setsigdefault(uint8_t *attributes, uint8_t *signals)');
const setSignalMask = lib.func('int posix_spawnattr_setsigmask(uint8_t *attributes, uint8_t *signals)');
const fillSignals = lib.func('int sigfillset(uint8_t *signals)');

/** More than posix_spawn_file_actions_t, posix_spawnattr_t and sigset_t take (80, 336 and 128 bytes of glibc's). */
const structBytes = 512;
/** spawn.h. */
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;

export interface Spawn {
  readonly path: string;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  readonly cwd?: string | undefined;
  readonly ownSession?: boolean | undefined;
  /** What descriptors 0, 1, … are: /dev/null, or an fd of ours, which must lie beyond all of these. */
  readonly fds: readonly (number | 'null')[];
}

/** posix_spawn(3) on a thread of the pool, which waits until the program runs. @returns its pid @throws KernelError */
export async function spawn({ path, argv, envp, cwd, ownSession, fds }: Spawn): Promise<number> {
  const actions = Buffer.alloc(structBytes);
  check(actionsInit(actions), 'posix_spawn', path);
  try {
    for (const [number, fd] of fds.entries()) {
      if (typeof fd === 'number' && fd < fds.length) throw errorOf(constants.errno.EINVAL, 'dup2', `${fd}`);
      if (fd === 'null') addOpen(actions, number, '/dev/null', O_RDWR, 0);
      else addDup(actions, fd, number);
    }
    if (cwd !== undefined) addChdir(actions, cwd);
    const pid = [0];
    const attributes = ownSession ? inOwnSession : inOurSession;
    const errno = await new Promise<number>((resolve, reject) =>
      posixSpawn.async(
        ...[pid, path, actions, attributes, [...argv, null], [...envp, null]],
        (error: unknown, result: number) => (error ? reject(error) : resolve(result)),
      ),
    );
    if (errno !== 0) throw errorOf(errno, 'execve', argv[0] ?? path);
    return pid[0] as number;
  } finally {
    actionsDestroy(actions);
  }
}

/** Signals do to a program what they do by default: some are ignored or blocked here. */
function attributesOf(flags: number): Buffer {
  const [attributes, all, none] = [Buffer.alloc(structBytes), Buffer.alloc(structBytes), Buffer.alloc(structBytes)];
  attributesInit(attributes);
  fillSignals(all);
  setSignalDefault(attributes, all);
  setSignalMask(attributes, none);
  setFlags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | flags);
  return attributes;
}

const inOurSession = attributesOf(0);
const inOwnSession = attributesOf(POSIX_SPAWN_SETSID);
