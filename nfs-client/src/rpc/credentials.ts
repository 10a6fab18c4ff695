import { Buffer } from 'node:buffer';
import { XdrWriter } from '../xdr/xdr-writer.ts';

/** Who calls are made as. The server trusts these numbers: AUTH_SYS has no secret. */
export interface UnixIdentity {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups; AUTH_SYS carries sixteen, more are cut off. */
  readonly gids?: readonly number[];
  readonly machineName?: string;
}

/** An `opaque_auth`: flavor and body. */
export interface Credential {
  readonly flavor: number;
  readonly body: Uint8Array;
}

export const authNone: Credential = { flavor: 0, body: new Uint8Array(0) };

const maxGroups = 16;

/** Sends the body of AUTH_SYS (RFC 5531 appendix A). */
export function writeAuthSys(writer: XdrWriter, identity: UnixIdentity): void {
  const name = Buffer.from(identity.machineName ?? 'berth', 'utf8').subarray(0, 255);
  writer.u32(0).opaque(name).u32(identity.uid).u32(identity.gid);
  writer.array((identity.gids ?? []).slice(0, maxGroups), (gid) => writer.u32(gid));
}

export function authSys(identity: UnixIdentity): Credential {
  const writer = new XdrWriter();
  writeAuthSys(writer, identity);
  return { flavor: 1, body: Buffer.concat(writer.chunks()) };
}
