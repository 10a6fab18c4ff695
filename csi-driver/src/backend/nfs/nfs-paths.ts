import { isNfsError, type NfsClient } from '@berth/nfs-client';
import { grpcError } from '@berth/protos';

/** True where a directory has the name. @throws GrpcError FAILED_PRECONDITION – something else has it. */
export async function isDirectory(client: NfsClient, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    const { type } = await client.stat(path, signal);
    if (type === 'directory') return true;
    throw grpcError('FAILED_PRECONDITION', `${JSON.stringify(path)} on the nfs share is a ${type}, no directory`);
  } catch (error) {
    if (isNfsError(error, 'NOENT')) return false;
    throw error;
  }
}

/** Makes a directory and those above it, which all may open. One that is there stays as it is. @returns false for such a one. */
export async function makeDirectory(
  client: NfsClient,
  { path, mode }: { readonly path: string; readonly mode: number },
  signal: AbortSignal,
): Promise<boolean> {
  const above = path.slice(0, Math.max(0, path.lastIndexOf('/')));
  if (above !== '') await client.mkdir(above, { recursive: true, mode: 0o755 }, signal);
  try {
    await client.mkdir(path, { mode }, signal);
    return true;
  } catch (error) {
    if (!isNfsError(error, 'EXIST') || !(await isDirectory(client, path, signal))) throw error;
    return false;
  }
}

/** @returns false where nothing has the name. */
export async function moveIfThere(
  client: NfsClient,
  { from, to }: { readonly from: string; readonly to: string },
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await client.rename(from, to, signal);
    return true;
  } catch (error) {
    if (isNfsError(error, 'NOENT')) return false;
    throw error;
  }
}

/** A name that carries a word and is made in one step. One that is there is fine. */
export async function writeMark(
  client: NfsClient,
  { path, word }: { readonly path: string; readonly word: string },
  signal: AbortSignal,
): Promise<void> {
  try {
    await client.symlink(path, word, signal);
  } catch (error) {
    if (!isNfsError(error, 'EXIST')) throw error;
  }
}

export async function removeMark(client: NfsClient, path: string, signal: AbortSignal): Promise<void> {
  try {
    await client.remove(path, signal);
  } catch (error) {
    if (!isNfsError(error, 'NOENT')) throw error;
  }
}

/** Names in a directory; empty where there is none. */
export async function namesIn(client: NfsClient, path: string, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const { name } of client.readdir(path, signal)) names.push(name);
  } catch (error) {
    if (!isNfsError(error, 'NOENT')) throw error;
  }
  return names;
}

/** Removes a directory that nobody put anything into meanwhile. */
export async function removeIfEmpty(client: NfsClient, path: string, signal: AbortSignal): Promise<void> {
  try {
    await client.rmdir(path, signal);
  } catch (error) {
    if (!isNfsError(error, 'NOENT', 'NOTEMPTY', 'EXIST')) throw error;
  }
}
