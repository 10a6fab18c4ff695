import { readFile } from 'node:fs/promises';
import type { Clock } from '@berth/kit';

export interface Credentials {
  readonly token?: string;
  /** Read again every minute, since kubelet and others rotate it. Wins over `token`. */
  readonly tokenFile?: string;
  readonly username?: string;
  readonly password?: string;
}

const rereadMs = 60_000;

/** Gives the Authorization header of each request; undefined for anonymous ones. */
export class AuthorizationSource {
  readonly #credentials: Credentials;
  readonly #clock: Clock;
  #token: string | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(credentials: Credentials, clock: Clock) {
    this.#credentials = credentials;
    this.#clock = clock;
    this.#token = credentials.token;
  }

  async header(): Promise<string | undefined> {
    const { tokenFile, username, password } = this.#credentials;
    if (tokenFile !== undefined && this.#clock.monotonicMs() - this.#readAtMs >= rereadMs)
      await this.#reread(tokenFile);
    if (this.#token !== undefined) return `Bearer ${this.#token}`;
    if (username === undefined) return undefined;
    return `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}`;
  }

  async #reread(path: string): Promise<void> {
    try {
      this.#token = (await readFile(path, 'utf8')).trim();
      this.#readAtMs = this.#clock.monotonicMs();
    } catch (error) {
      // While it is being replaced the last one still serves.
      if (this.#token === undefined) throw error;
    }
  }
}
