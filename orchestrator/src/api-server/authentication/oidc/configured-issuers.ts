import { messageOf } from '@berth/kit';
import { followFile } from '../../configuration/follow-file.ts';
import type { TokenAuthenticator } from '../../http/authenticate.ts';
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
  #text: string;
  #issuers: readonly OidcAuthenticator[];

  private constructor(options: ConfiguredIssuersOptions, text: string) {
    const { path, own } = options;
    this.#options = options;
    this.#text = text;
    this.configuration = parseAuthenticationConfiguration(text, { path, own });
    this.#issuers = this.#authenticators(this.configuration);
  }

  /** @throws RangeError – the file cannot be read, or is wrong. */
  static async start(options: ConfiguredIssuersOptions, signal: AbortSignal): Promise<ConfiguredIssuers> {
    const { path, clock, log } = options;
    const issuers = new ConfiguredIssuers(options, await readAuthenticationConfiguration(path));
    followFile({ path, clock, log, look: () => issuers.#look() }, signal);
    return issuers;
  }

  async authenticate(token: string): Promise<User | undefined> {
    for (const issuer of this.#issuers) {
      const user = await issuer.authenticate(token);
      if (user) return user;
    }
    return undefined;
  }

  #authenticators({ issuers }: AuthenticationConfiguration): OidcAuthenticator[] {
    return issuers.map((issuer) => new OidcAuthenticator(issuer, this.#options));
  }

  /** @throws RangeError – it is wrong, and will be as long as it stays as it is. */
  #changed(text: string): AuthenticationConfiguration {
    const { path, own } = this.#options;
    try {
      return parseAuthenticationConfiguration(text, { path, own, before: this.configuration });
    } catch (error) {
      this.#text = text;
      throw error;
    }
  }

  async #look(): Promise<void> {
    const { path, log, reloaded } = this.#options;
    try {
      const text = await readAuthenticationConfiguration(path);
      if (text === this.#text) return;
      const issuers = this.#authenticators(this.#changed(text));
      // One that cannot be asked may answer the next time.
      await Promise.all(issuers.map((issuer) => issuer.ready()));
      [this.#text, this.#issuers] = [text, issuers];
      reloaded(true);
      log.info('issuers of tokens are read again', { path });
    } catch (error) {
      reloaded(false);
      log.error('issuers of tokens stay as they were', { path, reason: messageOf(error) });
    }
  }
}
