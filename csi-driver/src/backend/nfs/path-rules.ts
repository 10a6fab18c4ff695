import { isIPv4, isIPv6 } from 'node:net';
import { grpcError } from '@berth/protos';

/** The folder of a share that is this driver's own; nobody's volume is in it. */
export const ownFolder = '.berth';

/** What every filesystem allows for one name, and what fits a volume context beside the rest. */
const maxNameBytes = 255;
const maxPathBytes = 1024;

/**
 * Letters, digits and what people put into names. Left out on purpose: `/`, backslash, control characters, `,` and `=`
 * (mount options), `%` (decoded by somebody else), `$ { }` (templates), quotes, shell's own.
 */
const namePattern = /^[\p{L}\p{M}\p{N} ._+@:~()-]+$/u;

const labelPattern = /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;

/** @throws GrpcError INVALID_ARGUMENT – it is no host name and no address. */
export function checkServer(server: string): string {
  const bare = server.startsWith('[') && server.endsWith(']') ? server.slice(1, -1) : server;
  // An address with a zone is one of this node's links, not the same place on others.
  if (isIPv4(server) || (isIPv6(bare) && !bare.includes('%'))) return bare;
  const labels = server.split('.');
  const isName = server.length <= 253 && labels.every((label) => labelPattern.test(label));
  if (isName && !/^[\d.]+$/.test(server)) return server.toLowerCase();
  throw invalid('server', server, 'is no host name and no IP address');
}

/** @throws GrpcError INVALID_ARGUMENT – it is not an absolute path of plain names. */
export function checkShare(share: string): string {
  if (!share.startsWith('/')) throw invalid('share', share, 'must be an absolute path, such as /export');
  const path = share.replace(/(.)\/$/, '$1');
  if (path === '/') return path;
  checkNames('share', share, path.slice(1));
  return path;
}

/** @throws GrpcError INVALID_ARGUMENT – it is not a relative path of plain names. */
export function checkSubDir(subDir: string): string {
  if (subDir === '') throw invalid('subDir', subDir, 'is empty');
  if (subDir.startsWith('/')) throw invalid('subDir', subDir, 'must be relative to the share: without a leading "/"');
  checkNames('subDir', subDir, subDir);
  return subDir;
}

/** Why a text cannot be one name of a path; undefined where it can. */
export function objectionToName(name: string): string | undefined {
  if (name === '') return 'has an empty name in it';
  if (name === '.' || name === '..') return `may not have "${name}" in it`;
  if (name === ownFolder) return `leads into "${ownFolder}", which is the driver's own`;
  if (Buffer.byteLength(name) > maxNameBytes) return `has a name of more than ${maxNameBytes} bytes in it`;
  if (name !== name.trim()) return 'has a name in it that begins or ends with a space';
  if (!namePattern.test(name)) return 'may have letters, digits, spaces and ._+@:~()- in its names only';
  return undefined;
}

function checkNames(what: string, given: string, path: string): void {
  if (Buffer.byteLength(path) > maxPathBytes) throw invalid(what, given, `is longer than ${maxPathBytes} bytes`);
  const objection = path
    .split('/')
    .map(objectionToName)
    .find((one) => one !== undefined);
  if (objection !== undefined) throw invalid(what, given, objection);
}

export function invalid(what: string, given: string, why: string): Error {
  // Escaped, so that what is hostile cannot forge lines of a log.
  return grpcError('INVALID_ARGUMENT', `${what} ${JSON.stringify(given.slice(0, 200))} ${why}`);
}
