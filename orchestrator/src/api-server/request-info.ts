import { FieldSelector } from '@berth/kube';

/**
 * What a request is about, read from its method and path alone: it need not be served, nor be well formed
 * (apiserver endpoints/request RequestInfo).
 */
export interface RequestInfo {
  readonly isResource: boolean;
  readonly path: string;
  /** get, list, watch, create, update, patch, delete, deletecollection, proxy; for other paths the method in lower case. */
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly namespace: string;
  readonly resource: string;
  readonly subresource: string;
  readonly name: string;
}

const methodVerbs: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

export function requestInfoOf(method: string, path: string, query: URLSearchParams): RequestInfo {
  const decoded = decodedPath(path);
  const parts = segmentsOf(decoded);
  const root = parts.shift();
  if (parts.length < 2 || (root !== 'api' && root !== 'apis')) return otherInfo(method, decoded, '');
  const group = root === 'api' ? '' : (parts.shift() as string);
  if (parts.length < 2) return otherInfo(method, decoded, group);
  const version = parts.shift() as string;
  const first = parts[0] as string;
  // Old clients' way to ask for a watch or a proxy; upstream knows it still.
  const asPrefix = (first === 'proxy' || first === 'watch') && parts.length >= 2;
  if (asPrefix) parts.shift();
  const verb = asPrefix ? first : (methodVerbs[method] ?? '');
  const { namespace, resource, name, subresource } = objectOf(parts, verb);
  const about = { isResource: true, path: decoded, verb, group, version, namespace, resource, subresource, name };
  return name === '' ? ofCollection(about, query) : about;
}

function otherInfo(method: string, path: string, group: string): RequestInfo {
  const none = { version: '', namespace: '', resource: '', subresource: '', name: '' };
  return { isResource: false, path, verb: method.toLowerCase(), group, ...none };
}

function objectOf(parts: string[], verb: string) {
  let namespace = '';
  let rest = parts;
  if (parts[0] === 'namespaces' && parts.length > 1) {
    namespace = parts[1] as string;
    if (parts.length > 2 && parts[2] !== 'status' && parts[2] !== 'finalize') rest = parts.slice(2);
  }
  const [resource = '', name = '', subresource = ''] = rest;
  return { namespace, resource, name, subresource: verb === 'proxy' ? '' : subresource };
}

function ofCollection(info: RequestInfo, query: URLSearchParams): RequestInfo {
  if (info.verb === 'delete') return { ...info, verb: 'deletecollection' };
  if (info.verb !== 'get') return info;
  const watch = query.get('watch')?.toLowerCase();
  const verb = watch === undefined || watch === 'false' || watch === '0' ? 'list' : 'watch';
  return { ...info, verb, name: selectedName(query.get('fieldSelector')) };
}

/** A list of the one object of a name is about that object. */
function selectedName(selector: string | null): string {
  // Parsing costs; a selector that does not name the field cannot ask for it.
  if (!selector?.includes('metadata.name') || selector.length > 1000) return '';
  try {
    const name = FieldSelector.parse(selector).exact('metadata.name') ?? '';
    return name === '.' || name === '..' || /[/%]/.test(name) ? '' : name;
  } catch {
    return '';
  }
}

/** As Go's URL has it: all escapes undone at once, slashes too; bytes that are no UTF-8 are what stands for them. */
export function decodedPath(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    const bytes = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    return Buffer.from(bytes, 'latin1').toString();
  }
}

/** More than are looked at of any path; each who looks for its own copies them. */
export const mostSegments = 16;

function segmentsOf(path: string): string[] {
  let [start, end] = [0, path.length];
  while (path[start] === '/') start++;
  while (end > start && path[end - 1] === '/') end--;
  return start === end ? [] : path.slice(start, end).split('/', mostSegments);
}

/** Of `backup-path.ts`. */
const backupPathname = '/berth/v1/backup';
const longSubresources = new Set(['attach', 'exec', 'proxy', 'log', 'portforward']);

/** What may last as long as its client likes, and counts for no limit (kube-apiserver's BasicLongRunningRequestCheck). */
export function isLongRunning({ verb, isResource, subresource, path }: RequestInfo): boolean {
  if (verb === 'watch' || verb === 'proxy') return true;
  // A backup takes as long as its reader takes to read it, and waits for others before it.
  return isResource ? longSubresources.has(subresource) : path.startsWith('/debug/pprof/') || path === backupPathname;
}

/** Get, list and watch change nothing; everything else may. */
export function isMutating({ verb }: RequestInfo): boolean {
  return verb !== 'get' && verb !== 'list' && verb !== 'watch';
}
