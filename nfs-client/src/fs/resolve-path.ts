import { splitPath } from '../names/file-name.ts';
import { NfsError } from '../nfs-error.ts';
import type { NameAt, NfsNode, NfsProtocol } from '../protocol/nfs-protocol.ts';

/** What a path leads to. Every name but the last must be a real directory: a symlink is SYMLINK, never followed. */
export async function resolvePath(protocol: NfsProtocol, path: string, signal: AbortSignal): Promise<NfsNode> {
  return await walk(protocol, splitPath(path), signal);
}

/** The directory a path's last name is in, and that name. @throws NfsError BAD_NAME – it is the root, which has none. */
export async function resolveParent(protocol: NfsProtocol, path: string, signal: AbortSignal): Promise<NameAt> {
  const names = splitPath(path);
  const name = names.pop();
  if (name === undefined) throw new NfsError('BAD_NAME', 'the path names the root of the export, which has no name');
  const parent = await walk(protocol, names, signal);
  mustBeDirectory(parent, names.at(-1) ?? '/');
  return { dir: parent.handle, name };
}

async function walk(protocol: NfsProtocol, names: readonly string[], signal: AbortSignal): Promise<NfsNode> {
  if (names.length === 0) return { handle: protocol.root, attributes: await protocol.getattr(protocol.root, signal) };
  let node: NfsNode | undefined;
  for (const [at, name] of names.entries()) {
    if (node) mustBeDirectory(node, names[at - 1] as string);
    node = await protocol.lookup({ dir: node?.handle ?? protocol.root, name }, signal);
  }
  return node as NfsNode;
}

function mustBeDirectory({ attributes }: NfsNode, name: string): void {
  if (attributes.type === 'directory') return;
  const code = attributes.type === 'symlink' ? 'SYMLINK' : 'NOTDIR';
  throw new NfsError(code, `${JSON.stringify(name)} on the way is a ${attributes.type}, no directory`);
}
