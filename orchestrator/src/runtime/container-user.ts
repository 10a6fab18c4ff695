import { type cri, grpcError } from '@berth/protos';
import { readInRoot } from './path-in-root.ts';

export interface ContainerUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** From the user's passwd entry; `/` where there is none. */
  readonly home: string;
}

/** Longer user databases are not looked into: an image must not make the node read gigabytes. */
const maxDatabaseBytes = 1024 * 1024;

interface UserDatabase {
  readonly passwd: readonly string[][];
  readonly group: readonly string[][];
}

type Security = Pick<
  cri.LinuxContainerSecurityContext,
  'runAsUser' | 'runAsUsername' | 'runAsGroup' | 'supplementalGroups' | 'supplementalGroupsPolicy'
>;

/**
 * Who a container runs as: the pod's wish, else the image's, by the image's own /etc/passwd and /etc/group.
 * @throws GrpcError INVALID_ARGUMENT – a name the image does not know, or a group without a user.
 */
export async function containerUser(
  rootfs: string,
  imageUser: string,
  security: Security | null,
): Promise<ContainerUser> {
  const read = async (path: string) => parse((await readInRoot(rootfs, path, maxDatabaseBytes)) ?? '');
  const [passwd, group] = await Promise.all([read('/etc/passwd'), read('/etc/group')]);
  return chooseUser({ passwd, group }, imageUser, security);
}

export function chooseUser(database: UserDatabase, imageUser: string, security: Security | null): ContainerUser {
  const wish = wishedUser(imageUser, security);
  const entry = database.passwd.find((fields) =>
    isNumber(wish.user) ? fields[2] === wish.user : fields[0] === wish.user,
  );
  if (!entry && !isNumber(wish.user)) {
    throw grpcError('INVALID_ARGUMENT', `user "${wish.user}": not in the image's /etc/passwd; use a numeric id`);
  }
  const uid = id(entry?.[2] ?? wish.user, 'user');
  const gid = security?.runAsGroup
    ? id(security.runAsGroup.value, 'group')
    : groupOf(database, wish.group, entry?.[3] ?? '0');
  const merged = security?.supplementalGroupsPolicy === 'Strict' || !entry ? [] : memberships(database, entry[0]!);
  // The primary group too: a file's group permissions must not be lost by giving groups (CVE-2023-25173).
  const groups = new Set([gid, ...merged, ...(security?.supplementalGroups ?? []).map((value) => id(value, 'group'))]);
  return { uid, gid, groups: [...groups].sort((a, b) => a - b), home: entry?.[5] || '/' };
}

export function parse(text: string): string[][] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.trim().split(':'));
}

function wishedUser(imageUser: string, security: Security | null): { user: string; group: string } {
  if (security?.runAsUser) return { user: security.runAsUser.value, group: '' };
  if (security?.runAsUsername) return { user: security.runAsUsername, group: '' };
  if (security?.runAsGroup && imageUser === '') {
    throw grpcError('INVALID_ARGUMENT', 'runAsGroup is given without a user, and the image names none');
  }
  const [user = '', group = ''] = imageUser.split(':', 2);
  return { user: user === '' ? '0' : user, group };
}

function groupOf(database: UserDatabase, wanted: string, fallback: string): number {
  if (wanted === '') return id(fallback, 'group');
  if (isNumber(wanted)) return id(wanted, 'group');
  const entry = database.group.find((fields) => fields[0] === wanted);
  if (!entry) throw grpcError('INVALID_ARGUMENT', `group "${wanted}": not in the image's /etc/group`);
  return id(entry[2] ?? '', 'group');
}

function memberships(database: UserDatabase, user: string): number[] {
  return database.group
    .filter((fields) => (fields[3] ?? '').split(',').includes(user))
    .map((fields) => id(fields[2] ?? '', 'group'));
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text);
}

/** 2^32-1 means "no change" to setuid(2) and is no id. */
function id(text: string, what: string): number {
  const value = Number(text);
  if (!isNumber(text) || value > 2 ** 32 - 2) throw grpcError('INVALID_ARGUMENT', `${what} id "${text}": not an id`);
  return value;
}
