import { followFile } from '../../configuration/follow-file.ts';
import type { Refused, TokenAuthenticator } from '../../http/authenticate.ts';
import type { User } from '../../user.ts';
import {
  type AuthenticationConfiguration,
  parseAuthenticationConfiguration,
  readAuthenticationConfiguration,
} from './authentication-configuration.ts';
import { OidcAuthenticator, type OidcParts } from './oidc-authenticator.ts';

export interface ConfiguredIssuersOptions extends OidcParts {
  readonly path: string;
  /** Whose tokens are made here. */
  readonly own: readonly string[];
  /** Hears of each change of the file, and whether it counts from now on. */
  readonly reloaded: (success: boolean) => void;
}

/** The issuers of a file of --authentication-config, as it is now; what is wrong changes nothing. */
export class ConfiguredIssuers implements TokenAuthenticator {
  readonly configuration: AuthenticationConfiguration;
  readonly #options: ConfiguredIssuersOptions;
  #issuers: readonly OidcAuthenticator[];

  private constructor(options: ConfiguredIssuersOptions, text: string) {
    const { path, own } = options;
    this.#options = options;
    this.configuration = parseAuthenticationConfiguration(text, { path, own });
    this.#issuers = this.#authenticators(this.configuration);
  }

  /** @throws RangeError – the file cannot be read, or is wrong. */
  static async start(options: ConfiguredIssuersOptions, signal: AbortSignal): Promise<ConfiguredIssuers> {
    const { path, clock, log, reloaded } = options;
    const text = await readAuthenticationConfiguration(path);
    const issuers = new ConfiguredIssuers(options, text);
    const use = (now: string) => issuers.#use(now);
    followFile({ path, clock, log, text, of: 'issuers of tokens', use, reloaded }, signal);
    return issuers;
  }

  async authenticate(token: string, refused?: Refused): Promise<User | undefined> {
    for (const issuer of this.#issuers) {
      const user = await issuer.authenticate(token, refused);
      if (user) return user;
    }
    return undefined;
  }

  #authenticators({ issuers }: AuthenticationConfiguration): OidcAuthenticator[] {
    return issuers.map((issuer) => new OidcAuthenticator(issuer, this.#options));
  }

  /** @throws RangeError – it is wrong; Error – one that cannot be asked may answer the next time. */
  async #use(text: string): Promise<void> {
    const { path, own } = this.#options;
    const changed = parseAuthenticationConfiguration(text, { path, own, before: this.configuration });
    const issuers = this.#authenticators(changed);
    await Promise.all(issuers.map((issuer) => issuer.ready()));
    this.#issuers = issuers;
  }
}
