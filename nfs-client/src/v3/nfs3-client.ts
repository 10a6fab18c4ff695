import { NfsError } from '../nfs-error.ts';
import { statusName } from '../nfs-status.ts';
import { type RetryLaterOptions, retryLater } from '../retry-later.ts';
import type { Credential } from '../rpc/credentials.ts';
import type { RpcClient } from '../rpc/rpc-client.ts';
import { nfs3Program, type Procedure3 } from './procedure.ts';

export interface Nfs3ClientOptions {
  readonly rpc: RpcClient;
  readonly credential: Credential;
  readonly retry: RetryLaterOptions;
}

/** Calls the procedures of NFSv3 (RFC 1813): one table row each, in the files beside this one. */
export class Nfs3Client {
  readonly #options: Nfs3ClientOptions;

  constructor(options: Nfs3ClientOptions) {
    this.#options = options;
  }

  /** The same for another user. */
  as(credential: Credential): Nfs3Client {
    return new Nfs3Client({ ...this.#options, credential });
  }

  /** @throws NfsError with the server's status, and what RpcClient throws. */
  call<Args, Result>(procedure: Procedure3<Args, Result>, args: Args, signal: AbortSignal): Promise<Result> {
    return retryLater(this.#options.retry, () => this.#callOnce(procedure, args, signal), signal);
  }

  /** NULL, the procedure without arguments, results or status: tells that the server is there. */
  async ping(signal: AbortSignal): Promise<void> {
    const { rpc, credential } = this.#options;
    await rpc.call({ ...nfs3Program, procedure: 0, name: 'NFS3 NULL', credential }, signal);
  }

  async #callOnce<Args, Result>(procedure: Procedure3<Args, Result>, args: Args, signal: AbortSignal): Promise<Result> {
    const { rpc, credential } = this.#options;
    const name = `NFS3 ${procedure.name}`;
    const replyBytes = procedure.replyBytes?.(args) ?? 0;
    const encode = (writer: Parameters<typeof procedure.encode>[0]) => procedure.encode(writer, args);
    const call = { ...nfs3Program, procedure: procedure.number, name, credential, encode, replyBytes };
    const { results, resent } = await rpc.call(call, signal);
    const status = results.u32();
    if (status === 0) return procedure.decode(results);
    const code = statusName(status);
    const said = code === 'UNKNOWN_STATUS' ? `status ${status}` : `NFS3ERR_${code}`;
    throw new NfsError(code, `${name}: the server answers ${said}`, { resent });
  }
}
