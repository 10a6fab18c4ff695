import type { NamedVolume } from '../backend.ts';
import type { NfsLocation } from './nfs-location.ts';
import { isPort } from './nfs-options.ts';
import { checkServer, checkShare, checkSubDir, invalid, objectionToName } from './path-rules.ts';
import { checkTemplate, resolveTemplate } from './sub-dir-template.ts';

export type OnDelete = 'delete' | 'retain' | 'archive';

/** How this driver itself reaches a share. */
export interface NfsAccess {
  readonly server: string;
  readonly share: string;
  readonly version?: 3 | 4.1 | 4.2;
  readonly port?: number;
}

/** What a class says about its volumes. */
export interface NfsClass extends NfsAccess {
  /** As written; may hold variables. Absent: a directory named for the volume. */
  readonly subDir?: string;
  readonly onDelete: OnDelete;
  /** Of a directory that is made; undefined leaves one that is found as it is. */
  readonly mode: number | undefined;
}

/** What is known of one volume: by its context, which its class and its names were made into. */
export interface NfsVolume extends NfsAccess, NfsLocation {
  readonly onDelete: OnDelete;
  readonly mode: number | undefined;
}

/** How a share is reached, of all that a class or a volume says. */
export function nfsAccessOf({ server, share, version, port }: NfsAccess): NfsAccess {
  return { server, share, ...(version === undefined ? {} : { version }), ...(port === undefined ? {} : { port }) };
}

/** The parameters of a class that reaches a share so. */
export function parametersOf({ server, share, version, port }: NfsAccess): Record<string, string> {
  const how = { ...(version ? { nfsvers: String(version) } : {}), ...(port ? { port: String(port) } : {}) };
  return { server, share, ...how };
}

const known = ['server', 'share', 'subDir', 'onDelete', 'mountPermissions', 'nfsvers', 'port'] as const;
type Key = (typeof known)[number];
type Values = Readonly<Partial<Record<Key, string>>>;

/** @throws GrpcError INVALID_ARGUMENT – an unknown parameter, a missing one, or a value that cannot be. */
export function nfsClassOf(parameters: Readonly<Record<string, string>>): NfsClass {
  const values = valuesOf(parameters, (key) => {
    throw invalid('parameter', key, `is unknown: the nfs backend takes ${known.join(', ')}`);
  });
  if (values.subDir !== undefined) checkTemplate(values.subDir);
  return {
    ...accessOf(values),
    onDelete: onDeleteOf(values),
    mode: modeOf(values),
    ...(values.subDir === undefined ? {} : { subDir: values.subDir }),
  };
}

/**
 * The volume context by which every node, and this driver later, finds a new volume.
 * `remarks` are all parameters of the request, the CO's own among them.
 * @throws GrpcError INVALID_ARGUMENT – as {@link nfsClassOf}, or the template escapes.
 */
export function contextFor(volume: NamedVolume, remarks: Readonly<Record<string, string>>): Record<string, string> {
  const own = nfsClassOf(volume.parameters);
  // The name is the CO's, any text: only where it is plain it is good for a directory too.
  const ownName = objectionToName(volume.name) === undefined ? volume.name : volume.id;
  return {
    backend: 'nfs',
    server: own.server,
    share: own.share,
    subDir: own.subDir === undefined ? ownName : resolveTemplate(own.subDir, remarks),
    ...(own.onDelete === 'delete' ? {} : { onDelete: own.onDelete }),
    ...(own.mode === undefined ? {} : { mountPermissions: octal(own.mode) }),
    ...(own.version === undefined ? {} : { nfsvers: String(own.version) }),
    ...(own.port === undefined ? {} : { port: String(own.port) }),
  };
}

/**
 * The volume a context speaks of; it may come from a hand-written object, so it is checked like a class.
 * @throws GrpcError INVALID_ARGUMENT – a value is missing or cannot be.
 */
export function nfsVolumeOf(context: Readonly<Record<string, string>>): NfsVolume {
  // Keys of a context that are not ours are the CO's or another driver's: they mean nothing here.
  const values = valuesOf(context, () => undefined);
  const subDir = values.subDir === undefined || values.subDir === '' ? '' : checkSubDir(values.subDir);
  return { ...accessOf(values), subDir, onDelete: onDeleteOf(values), mode: modeOf(values) };
}

/** Keys are taken in any case, as users of other NFS drivers write them. */
function valuesOf(given: Readonly<Record<string, string>>, unknown: (key: string) => void): Values {
  const values: Partial<Record<Key, string>> = {};
  for (const [name, value] of Object.entries(given)) {
    const key = known.find((one) => one.toLowerCase() === name.toLowerCase());
    if (key === undefined) unknown(name);
    else if (values[key] !== undefined && values[key] !== value) throw invalid('parameter', name, 'is there twice');
    else values[key] = value;
  }
  return values;
}

function accessOf(values: Values): NfsAccess {
  const { server, share, nfsvers, port } = values;
  if (!server) throw invalid('parameter', 'server', 'is required');
  if (!share) throw invalid('parameter', 'share', 'is required');
  if (nfsvers !== undefined && !['3', '4.1', '4.2'].includes(nfsvers)) {
    throw invalid('nfsvers', nfsvers, 'is none of 3, 4.1, 4.2');
  }
  return {
    server: checkServer(server),
    share: checkShare(share),
    ...(nfsvers === undefined ? {} : { version: Number(nfsvers) as 3 | 4.1 | 4.2 }),
    ...(port === undefined ? {} : { port: portOf(port) }),
  };
}

function portOf(port: string): number {
  if (!isPort(port)) throw invalid('port', port, 'is no port number');
  return Number(port);
}

function onDeleteOf({ onDelete = 'delete' }: Values): OnDelete {
  const value = onDelete.toLowerCase();
  if (value === 'delete' || value === 'retain' || value === 'archive') return value;
  throw invalid('onDelete', onDelete, 'is none of delete, retain, archive');
}

/** Octal digits; 0 is as if it were not there (as users of other NFS drivers know it). */
function modeOf({ mountPermissions }: Values): number | undefined {
  if (mountPermissions === undefined) return undefined;
  if (!/^[0-7]{1,5}$/.test(mountPermissions) || Number.parseInt(mountPermissions, 8) > 0o7777) {
    throw invalid('mountPermissions', mountPermissions, 'is no octal mode, such as 0770');
  }
  return Number.parseInt(mountPermissions, 8) || undefined;
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, '0');
}
