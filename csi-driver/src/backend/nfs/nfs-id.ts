import { isIPv6 } from 'node:net';
import { isPlainId } from '../../rules/volume-id.ts';
import { type NfsAccess, nfsAccessOf, nfsClassOf } from './nfs-parameters.ts';

/** CSI's limit for an id. One that would be longer does without the place. */
const maxBytes = 128;

/** Of what a path may have, what goes into ids: no space, and ASCII alone. */
const plainShare = /^[\w./+@:~()-]+$/;

const pattern = /^([^+@]+)(?:\+v(3|4\.1|4\.2))?@(\[[^\]]+\]|[^[\]:/]+)(?::(\d{1,5}))?(\/.*)$/;

/**
 * The id of something on a share: `NAME@server/share`, or `NAME+v3@server:2049/share`. By it every instance of the
 * driver finds what is noted on the share, whichever made it.
 */
export function nfsIdOf(name: string, { server, share, version, port }: NfsAccess): string {
  const host = isIPv6(server) ? `[${server}]` : server;
  const how = version === undefined ? '' : `+v${version}`;
  const id = `${name}${how}@${host}${port === undefined ? '' : `:${port}`}${share}`;
  return plainShare.test(share) && id.length <= maxBytes ? id : name;
}

/** How the share calls what has this id. */
export function nameIn(id: string): string {
  return /^[^+@]*/.exec(id)?.[0] ?? id;
}

/** Where an id says that it is; undefined where it says nothing that can be. Ids are the caller's: any text. */
export function accessIn(id: string): NfsAccess | undefined {
  const [, name = '', nfsvers, server = '', port, share = ''] = pattern.exec(id) ?? [];
  if (!isPlainId(name)) return undefined;
  try {
    const access = nfsAccessOf(
      nfsClassOf({
        server,
        share,
        ...(nfsvers === undefined ? {} : { nfsvers }),
        ...(port === undefined ? {} : { port }),
      }),
    );
    // One spelling for each: what has another is not of this driver.
    return nfsIdOf(name, access) === id ? access : undefined;
  } catch {
    return undefined;
  }
}
