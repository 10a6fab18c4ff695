import { CsictlError } from '../csictl-error.ts';

/** A file or directory on an NFS server. */
export interface NfsUrl {
  readonly text: string;
  readonly host: string;
  /** Absolute; the export's own path is the beginning of it. */
  readonly path: string;
  /** Absent: the newest the server speaks. */
  readonly version?: 3 | 4.1 | 4.2;
  readonly port?: number;
  readonly mountPort?: number;
  readonly portmapPort?: number;
  /** Where the export ends, for servers that do not tell. */
  readonly export?: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Call from a port below 1024, as root may; absent: where this runs as root. */
  readonly isPrivileged?: boolean;
}

const usage = 'write nfs://SERVER/EXPORT/PATH[?version=3|4.1|4.2&port=N&export=/PATH&uid=N&gid=N&privileged=yes|no]';

export function isNfsUrl(text: string): boolean {
  return text.startsWith('nfs:');
}

/**
 * `nfs://server:2049/share/a%20b?version=4.1`. Nothing is normalized: `..` is refused by the client, not resolved here.
 * @throws CsictlError USAGE
 */
export function parseNfsUrl(text: string): NfsUrl {
  const match = /^nfs:\/\/(\[[0-9a-fA-F:.%]+\]|[^/:?#@[\]\s]+)(?::(\d{1,5}))?(\/[^?#]*)?(?:\?([^#]*))?$/.exec(text);
  if (!match) throw refused(text, 'it has another form');
  const [, host = '', port, path = '/', query = ''] = match;
  const parameters = readQuery(text, query);
  if (port !== undefined && !parameters.has('port')) parameters.set('port', port);
  const number = (name: string, most: number) => {
    const value = parameters.get(name);
    if (value === undefined) return undefined;
    if (!/^\d{1,10}$/.test(value) || Number(value) > most) throw refused(text, `${name}=${value} is no number for it`);
    return Number(value);
  };
  const facts = {
    version: versionOf(text, parameters.get('version')),
    port: number('port', 65_535),
    mountPort: number('mountport', 65_535),
    portmapPort: number('portmapport', 65_535),
    export: parameters.get('export'),
    uid: number('uid', 2 ** 32 - 2),
    gid: number('gid', 2 ** 32 - 2),
    isPrivileged: yesOrNo(text, parameters.get('privileged')),
  };
  const given = Object.fromEntries(Object.entries(facts).filter(([, value]) => value !== undefined));
  return { text, host: host.replace(/^\[|\]$/g, ''), path: decodePath(text, path), ...given };
}

const known = new Set(['version', 'port', 'mountport', 'portmapport', 'export', 'uid', 'gid', 'privileged']);

function readQuery(text: string, query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const part of query.split('&').filter((one) => one !== '')) {
    const [name = '', value = ''] = part.split('=', 2);
    if (!known.has(name)) throw refused(text, `there is no parameter ${JSON.stringify(name)}`);
    parameters.set(name, decode(text, value));
  }
  const exported = parameters.get('export');
  if (exported !== undefined && !exported.startsWith('/')) throw refused(text, 'export is no absolute path');
  return parameters;
}

function versionOf(text: string, value: string | undefined): 3 | 4.1 | 4.2 | undefined {
  if (value === undefined) return undefined;
  const version = ([3, 4.1, 4.2] as const).find((one) => String(one) === value);
  return version ?? refuse(text, `version=${value} is none of 3, 4.1 and 4.2`);
}

function yesOrNo(text: string, value: string | undefined): boolean | undefined {
  if (value === undefined) return undefined;
  return value === 'yes' || (value === 'no' ? false : refuse(text, 'privileged is yes or no'));
}

/** A separator that is hidden in an escape would make two names of one. */
function decodePath(text: string, path: string): string {
  if (/%2f|%00/i.test(path)) throw refused(text, 'a name holds "/" or NUL');
  return decode(text, path);
}

function decode(text: string, value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw refused(text, 'an escape in it is no UTF-8');
  }
}

function refuse(text: string, why: string): never {
  throw refused(text, why);
}

function refused(text: string, why: string): CsictlError {
  return new CsictlError('USAGE', `${text}: ${why}`, { hint: usage });
}
