import type { X509Certificate } from 'node:crypto';
import type { TokenAuthenticator } from '../http/authenticate.ts';
import type { ServerContext } from '../server-context.ts';
import type { TokenIssuer } from '../tokens/token-issuer.ts';
import { bootstrapTokens } from './bootstrap-tokens.ts';
import type { FrontProxy, FrontProxyOptions } from './front-proxy.ts';
import type { OidcFlags } from './oidc/oidc-flags.ts';
import { type PasswordAuthenticator, passwordFile } from './password-file.ts';
import { tokenFile } from './token-file.ts';

/** kube-apiserver's flags of the same names. */
export interface AuthenticationOptions {
  readonly tokenAuthFile?: string;
  readonly basicAuthFile?: string;
  readonly bootstrapTokens?: boolean;
  /** Absent: requests without credentials are those of system:anonymous. */
  readonly anonymous?: boolean;
  /** Whether the flags let everybody do everything: then nobody is anonymous, but for whom a file says (BuiltInAuthenticationOptions.ApplyAuthorization). */
  readonly allowsAll?: boolean;
  readonly oidc?: OidcFlags;
  /** --authentication-config: issuers, and who may be anonymous. */
  readonly configFile?: string;
  readonly tokenWebhook?: {
    /** A kubeconfig. */
    readonly configFile: string;
    readonly version?: 'v1' | 'v1beta1';
    readonly cacheTtlMs?: number;
  };
  readonly frontProxy?: FrontProxyOptions;
  /** What tokens for this server are for; absent: the service account issuer. */
  readonly audiences?: readonly string[];
}

/** Who somebody is besides what a client certificate says; the first that knows the user wins. */
export interface Authentication {
  readonly frontProxy?: FrontProxy;
  /** Whose certificates are users', where others are trusted as well. */
  readonly userRoots?: readonly X509Certificate[];
  readonly tokens: readonly TokenAuthenticator[];
  readonly passwords?: PasswordAuthenticator;
  /** Whether a request without credentials for this path is served at all. */
  readonly anonymous: (path: string) => boolean;
}

/** Upstream's. */
const defaultTokenTtlMs = 2 * 60_000;

export interface AuthenticationRun {
  /** Tokens that are made here. */
  readonly own: readonly (TokenAuthenticator & Pick<TokenIssuer, 'issuer' | 'otherIssuers'>)[];
  readonly signal: AbortSignal;
  /** Hears that the file of issuers has changed, and whether it counts. */
  readonly reloaded: (success: boolean) => void;
}

/** @throws RangeError – a file that cannot be read or is wrong. */
export async function authenticationOf(
  context: ServerContext,
  options: AuthenticationOptions,
  run: AuthenticationRun,
): Promise<Authentication> {
  const { tokenAuthFile, basicAuthFile, frontProxy } = options;
  const { own } = run;
  const configured = await configuredIssuers(context, options, run);
  const proxy = frontProxy && (await import('./front-proxy.ts').then(({ frontProxyOf }) => frontProxyOf(frontProxy)));
  return {
    ...(proxy ? { frontProxy: proxy } : {}),
    tokens: [
      ...(tokenAuthFile === undefined ? [] : [await tokenFile(tokenAuthFile)]),
      ...own,
      ...(options.bootstrapTokens ? [bootstrapTokens(context)] : []),
      ...(configured ? [configured] : await flaggedIssuer(context, options)),
      ...(await webhook(context, options)),
    ],
    ...(basicAuthFile === undefined ? {} : { passwords: await passwordFile(basicAuthFile) }),
    anonymous: anonymousOf(context, options, configured?.configuration.anonymous),
  };
}

function anonymousOf(
  { log }: ServerContext,
  { anonymous: byFlag, allowsAll }: AuthenticationOptions,
  configured: { readonly enabled: boolean; readonly paths: readonly string[] } | undefined,
): Authentication['anonymous'] {
  if (!configured && allowsAll && byFlag !== false) {
    log.warn('--authorization-mode AlwaysAllow allows everything, and nobody without credentials is let in');
    return () => false;
  }
  if (!configured) return () => byFlag ?? true;
  if (byFlag !== undefined)
    throw new RangeError(
      'anonymous: Forbidden: --anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file',
    );
  const { enabled, paths } = configured;
  return paths.length === 0 ? () => enabled : (path) => enabled && paths.includes(path);
}

async function configuredIssuers(
  { clock, log, metrics, outbound }: ServerContext,
  { configFile: path, oidc }: AuthenticationOptions,
  { own, signal, reloaded }: AuthenticationRun,
) {
  if (path === undefined) return undefined;
  if (oidc) throw new RangeError('authentication-config file and oidc-* flags are mutually exclusive');
  const { ConfiguredIssuers } = await import('./oidc/configured-issuers.ts');
  const parts = { caller: await outbound.caller(), clock, log, metrics: metrics.tokens, reloaded };
  return ConfiguredIssuers.start(
    { ...parts, path, own: own.flatMap(({ issuer, otherIssuers }) => [issuer, ...otherIssuers]) },
    signal,
  );
}

async function flaggedIssuer(
  { clock, log, metrics, outbound }: ServerContext,
  { oidc }: AuthenticationOptions,
): Promise<TokenAuthenticator[]> {
  if (!oidc) return [];
  const issuer = await import('./oidc/oidc-flags.ts').then(({ issuerOfFlags }) => issuerOfFlags(oidc));
  const { OidcAuthenticator } = await import('./oidc/oidc-authenticator.ts');
  return [new OidcAuthenticator(issuer, { caller: await outbound.caller(), clock, log, metrics: metrics.tokens })];
}

async function webhook(
  context: ServerContext,
  { tokenWebhook, audiences = [] }: AuthenticationOptions,
): Promise<TokenAuthenticator[]> {
  if (!tokenWebhook) return [];
  const { configFile, version = 'v1beta1', cacheTtlMs = defaultTokenTtlMs } = tokenWebhook;
  const [{ FileWebhook, fileWebhookTarget }, { WebhookTokens }] = await Promise.all([
    import('../webhook/file-webhook.ts'),
    import('./webhook-tokens.ts'),
  ]);
  const { clock, log, metrics, outbound } = context;
  const target = await fileWebhookTarget('--authentication-token-webhook-config-file', configFile);
  const remote = new FileWebhook(target, { caller: await outbound.caller(), clock });
  return [new WebhookTokens({ webhook: remote, version, cacheTtlMs, audiences, clock, log, metrics: metrics.tokens })];
}
