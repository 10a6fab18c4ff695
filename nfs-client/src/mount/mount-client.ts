import { badReply, NfsError } from '../nfs-error.ts';
import { statusName } from '../nfs-status.ts';
import { type NfsHandle, nfsHandle } from '../protocol/nfs-handle.ts';
import type { Credential } from '../rpc/credentials.ts';
import type { RpcClient } from '../rpc/rpc-client.ts';
import type { XdrReader } from '../xdr/xdr-reader.ts';
import type { XdrWriter } from '../xdr/xdr-writer.ts';

export const mountProgram = { program: 100005, version: 3, name: 'MOUNT' } as const;

const maxPathBytes = 1024;
const maxNameBytes = 255;
const maxHandleBytes = 64;
const maxListed = 4096;
const authSysFlavor = 1;
const authNoneFlavor = 0;

/** An exported path and who may mount it; no groups is everybody. */
export interface NfsExport {
  readonly path: string;
  readonly groups: readonly string[];
}

/** The MOUNT protocol, version 3 (RFC 1813 appendix I). */
export class MountClient {
  readonly #rpc: RpcClient;
  readonly #credential: Credential;

  constructor(rpc: RpcClient, credential: Credential) {
    this.#rpc = rpc;
    this.#credential = credential;
  }

  /** @throws NfsError NOENT, ACCESS, NOTDIR … – the server does not let us mount the path. AUTH_ERROR – not with AUTH_SYS. */
  async mount(path: string, signal: AbortSignal): Promise<NfsHandle> {
    const reply = await this.#call({ procedure: 1, name: 'MNT', encode: (writer) => writer.string(path) }, signal);
    const status = reply.u32();
    if (status !== 0)
      throw new NfsError(statusName(status), `mount ${path}: the server answers MNT3ERR_${statusName(status)}`);
    const handle = nfsHandle(reply.opaque(maxHandleBytes));
    if (handle.length === 0) throw badReply('MOUNT MNT: an empty handle');
    const flavors = reply.array(maxListed, () => reply.u32());
    if (flavors.length > 0 && !flavors.some((flavor) => flavor === authSysFlavor || flavor === authNoneFlavor))
      throw new NfsError(
        'AUTH_ERROR',
        `mount ${path}: the export wants security flavor ${flavors.join(' or ')}, only AUTH_SYS is spoken here`,
      );
    return handle;
  }

  async unmount(path: string, signal: AbortSignal): Promise<void> {
    await this.#call({ procedure: 3, name: 'UMNT', encode: (writer) => writer.string(path) }, signal);
  }

  async exports(signal: AbortSignal): Promise<NfsExport[]> {
    const reply = await this.#call({ procedure: 5, name: 'EXPORT' }, signal);
    return reply.list(maxListed, () => ({
      path: reply.string(maxPathBytes),
      groups: reply.list(maxListed, () => reply.string(maxNameBytes)),
    }));
  }

  async #call(
    what: { readonly procedure: number; readonly name: string; readonly encode?: (writer: XdrWriter) => void },
    signal: AbortSignal,
  ): Promise<XdrReader> {
    const { program, version } = mountProgram;
    const call = { ...what, program, version, name: `MOUNT ${what.name}`, credential: this.#credential };
    return (await this.#rpc.call(call, signal)).results;
  }
}
