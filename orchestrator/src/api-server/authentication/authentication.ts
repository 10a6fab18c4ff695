import type { TokenAuthenticator } from '../http/authenticate.ts';
import type { ServerContext } from '../server-context.ts';
import { bootstrapTokens } from './bootstrap-tokens.ts';
import { type PasswordAuthenticator, passwordFile } from './password-file.ts';
import { tokenFile } from './token-file.ts';

/** kube-apiserver's flags of the same names. */
export interface AuthenticationOptions {
  readonly tokenAuthFile?: string;
  readonly basicAuthFile?: string;
  readonly bootstrapTokens?: boolean;
  /** Absent: requests without credentials are those of system:anonymous. */
  readonly anonymous?: boolean;
}

/** Who somebody is besides what a client certificate says; the first that knows the user wins. */
export interface Authentication {
  readonly tokens: readonly TokenAuthenticator[];
  readonly passwords?: PasswordAuthenticator;
  readonly anonymous: boolean;
}

/** @throws RangeError – a file that cannot be read or is wrong. */
export async function authenticationOf(
  context: ServerContext,
  options: AuthenticationOptions,
  own: readonly TokenAuthenticator[],
): Promise<Authentication> {
  const { tokenAuthFile, basicAuthFile, anonymous = true } = options;
  return {
    tokens: [
      ...(tokenAuthFile === undefined ? [] : [await tokenFile(tokenAuthFile)]),
      ...own,
      ...(options.bootstrapTokens ? [bootstrapTokens(context)] : []),
    ],
    ...(basicAuthFile === undefined ? {} : { passwords: await passwordFile(basicAuthFile) }),
    anonymous,
  };
}
