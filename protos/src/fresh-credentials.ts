import { ChannelCredentials, credentials, type VerifyOptions } from '@grpc/grpc-js';

/** PEM; without `ca`, what the system trusts is trusted. */
export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

type MakeConnector = ChannelCredentials['_createSecureConnector'];
type Connector = ReturnType<MakeConnector>;

/** Credentials that are asked for anew before each connection is made, so that certificates are renewed without a restart. */
export class FreshCredentials extends ChannelCredentials {
  readonly #read: () => Promise<TlsFiles>;
  readonly #verify: VerifyOptions;

  constructor(read: () => Promise<TlsFiles>, verify: VerifyOptions) {
    super();
    this.#read = read;
    this.#verify = verify;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  /** grpc-js waits for `waitForReady` each time before it connects; what fails there is the connection's failure. */
  override _createSecureConnector(...args: Parameters<MakeConnector>): Connector {
    let latest: Connector | undefined;
    const calls = args[2] ?? credentials.createEmpty();
    return {
      waitForReady: async () => {
        const { ca, cert, key } = await this.#read();
        latest = credentials
          .createSsl(ca ?? null, key ?? null, cert ?? null, this.#verify)
          ._createSecureConnector(...args);
      },
      connect: (socket) => (latest as Connector).connect(socket),
      getCallCredentials: () => calls,
      destroy: () => undefined,
    };
  }
}
