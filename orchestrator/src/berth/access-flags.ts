import type { Command } from 'commander';
import type { AuthenticationOptions } from '../api-server/authentication/authentication.ts';
import type { FrontProxyOptions } from '../api-server/authentication/front-proxy.ts';
import type { OidcFlags } from '../api-server/authentication/oidc/oidc-flags.ts';
import type { AuthorizationOptions } from '../api-server/authorization/authorization-options.ts';
import { type AuthorizationMode, authorizationModes } from '../api-server/authorization/modes.ts';
import type { EncryptionOptions } from '../api-server/encryption/with-encrypted-store.ts';
import type { TokenLifetimes } from '../api-server/tokens/token-issuer.ts';
import { BerthError } from './berth-error.ts';
import { booleanFlag } from './boolean-flag.ts';
import { durationFlag } from './number-flags.ts';
import {
  addServiceAccountFlags,
  type ServiceAccountFlags,
  type ServiceAccountOptions,
  serviceAccountsOf,
} from './service-account-flags.ts';

/** Who gets in, who may do what, and what is read by nobody who takes the disk away. */
export interface AccessOptions {
  readonly authorizationModes: readonly AuthorizationMode[];
  readonly authorization: Omit<AuthorizationOptions, 'modes'>;
  readonly authentication: AuthenticationOptions;
  readonly tokenLifetimes: TokenLifetimes;
  readonly serviceAccounts: ServiceAccountOptions;
  readonly encryption?: EncryptionOptions;
  /** Who this server is to those behind APIServices. */
  readonly proxyClientFiles?: { readonly cert: string; readonly key: string };
}

export interface AccessFlags extends ServiceAccountFlags {
  readonly anonymousAuth: string;
  readonly tokenAuthFile?: string;
  readonly basicAuthFile?: string;
  readonly enableBootstrapTokenAuth?: boolean;
  readonly authenticationConfig?: string;
  readonly authenticationTokenWebhookConfigFile?: string;
  readonly authenticationTokenWebhookVersion: string;
  readonly authenticationTokenWebhookCacheTtl: string;
  readonly oidcIssuerUrl?: string;
  readonly oidcClientId?: string;
  readonly oidcCaFile?: string;
  readonly oidcUsernameClaim: string;
  readonly oidcUsernamePrefix?: string;
  readonly oidcGroupsClaim?: string;
  readonly oidcGroupsPrefix?: string;
  readonly oidcSigningAlgs: string;
  readonly oidcRequiredClaim?: readonly string[];
  readonly requestheaderClientCaFile?: string;
  readonly requestheaderAllowedNames?: string;
  readonly requestheaderUsernameHeaders: string;
  readonly requestheaderUidHeaders?: string;
  readonly requestheaderGroupHeaders: string;
  readonly requestheaderExtraHeadersPrefix: string;
  readonly authorizationMode: string;
  readonly authorizationConfig?: string;
  readonly authorizationPolicyFile?: string;
  readonly authorizationWebhookConfigFile?: string;
  readonly authorizationWebhookVersion: string;
  readonly authorizationWebhookCacheAuthorizedTtl: string;
  readonly authorizationWebhookCacheUnauthorizedTtl: string;
  readonly serviceAccountMaxTokenExpiration: string;
  readonly serviceAccountExtendTokenExpiration: string;
  readonly encryptionProviderConfig?: string;
  readonly encryptionProviderConfigAutomaticReload: string | true;
  readonly proxyClientCertFile?: string;
  readonly proxyClientKeyFile?: string;
}

/** Upstream's bounds of what tokens are cut to. */
const [leastTokenMs, mostTokenMs] = [3_600_000, 2 ** 32 * 1000];

/** kube-apiserver's flags. */
export function addAccessFlags(command: Command): Command {
  addAuthenticationFlags(command.optionsGroup('Who somebody is:'));
  addServiceAccountFlags(command);
  return command
    .optionsGroup('Who may do what:')
    .option('--authorization-mode <modes>', `who may do what, in order: ${authorizationModes.join(', ')}`, 'Node,RBAC')
    .option('--authorization-config <file>', 'the same as a file, with any webhooks: an AuthorizationConfiguration')
    .option('--authorization-policy-file <file>', 'for ABAC: policies, one JSON object a line')
    .option('--authorization-webhook-config-file <file>', 'for Webhook: a kubeconfig that says where it is')
    .option(
      '--authorization-webhook-version <version>',
      'of the SubjectAccessReviews it gets: v1 or v1beta1',
      'v1beta1',
    )
    .option('--authorization-webhook-cache-authorized-ttl <duration>', 'how long its permissions are kept', '5m0s')
    .option('--authorization-webhook-cache-unauthorized-ttl <duration>', 'how long its refusals are kept', '30s')
    .optionsGroup('Where the objects are kept:')
    .option('--encryption-provider-config <file>', 'which resources are stored encrypted: an EncryptionConfiguration')
    .option('--encryption-provider-config-automatic-reload [bool]', 'whether its changes count, too', 'false')
    .optionsGroup('Servers behind APIServices:')
    .option('--proxy-client-cert-file <file>', 'the certificate to show to servers behind APIServices')
    .option('--proxy-client-key-file <file>', 'its private key');
}

function addAuthenticationFlags(command: Command): void {
  command
    .option('--anonymous-auth <bool>', 'whether requests without credentials are those of system:anonymous', 'true')
    .option('--token-auth-file <file>', 'static bearer tokens, lines of TOKEN,USER,UID[,"GROUP1,GROUP2"]')
    .option('--basic-auth-file <file>', 'static passwords, lines of PASSWORD,USER,UID[,"GROUP1,GROUP2"]')
    .option('--enable-bootstrap-token-auth', 'accept the tokens of secrets bootstrap-token-* in kube-system')
    .option('--authentication-config <file>', 'token issuers, and who may be anonymous: an AuthenticationConfiguration')
    .option('--authentication-token-webhook-config-file <file>', 'ask a server whose tokens are: its kubeconfig')
    .option('--authentication-token-webhook-version <version>', 'of the TokenReviews it gets: v1 or v1beta1', 'v1beta1')
    .option('--authentication-token-webhook-cache-ttl <duration>', 'how long its answers are kept', '2m0s')
    .option(
      '--service-account-max-token-expiration <duration>',
      'cut longer tokens of service accounts; 0s: none',
      '0s',
    )
    .option(
      '--service-account-extend-token-expiration <bool>',
      'make tokens of pods that are asked for an hour good for a year, for programs that do not read them again',
      'true',
    )
    .option('--oidc-issuer-url <url>', 'accept the ID tokens of this OpenID Connect issuer')
    .option('--oidc-client-id <id>', 'the client its tokens must be for')
    .option('--oidc-ca-file <file>', 'authorities of its certificate; else those of the system')
    .option('--oidc-username-claim <claim>', 'the claim that is the user name', 'sub')
    .option('--oidc-username-prefix <prefix>', 'before user names; -: none (default: ISSUER#, but for the claim email)')
    .option('--oidc-groups-claim <claim>', 'the claim that is the groups')
    .option('--oidc-groups-prefix <prefix>', 'before groups')
    .option('--oidc-signing-algs <algorithms>', 'accepted ways to sign', 'RS256')
    .option('--oidc-required-claim <claim=value>', 'a claim tokens must have; may be repeated', collected)
    .option('--requestheader-client-ca-file <file>', 'believe the user headers of proxies whose certificates it signed')
    .option('--requestheader-allowed-names <names>', 'common names of such proxies (default: all)')
    .option('--requestheader-username-headers <headers>', 'where they name the user', 'X-Remote-User')
    .option('--requestheader-uid-headers <headers>', "where they tell the user's uid")
    .option('--requestheader-group-headers <headers>', "where they name the user's groups", 'X-Remote-Group')
    .option('--requestheader-extra-headers-prefix <prefixes>', 'how headers of extras begin', 'X-Remote-Extra-');
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, ...listOf(value)];
}

/** Whether a flag was given, or has its default. */
export type IsGiven = (flag: keyof AccessFlags) => boolean;

/** @throws BerthError Usage */
export function accessOf(flags: AccessFlags, isGiven: IsGiven): AccessOptions {
  const { proxyClientCertFile: cert, proxyClientKeyFile: key } = flags;
  if ((cert === undefined) !== (key === undefined))
    throw new BerthError('Usage', '--proxy-client-cert-file and --proxy-client-key-file go together');
  return {
    authorizationModes: modesOf(flags.authorizationMode),
    authorization: authorizationOf(flags, isGiven),
    authentication: authenticationOf(flags, isGiven),
    tokenLifetimes: tokenLifetimesOf(flags),
    serviceAccounts: serviceAccountsOf(flags),
    ...encryptionOf(flags),
    ...(cert === undefined || key === undefined ? {} : { proxyClientFiles: { cert, key } }),
  };
}

function tokenLifetimesOf(flags: AccessFlags): TokenLifetimes {
  const [max, extend] = ['service-account-max-token-expiration', 'service-account-extend-token-expiration'];
  const maxMs = durationFlag(`--${max}`, flags.serviceAccountMaxTokenExpiration, { example: '24h0m0s' });
  if (maxMs !== 0 && (maxMs < leastTokenMs || maxMs > mostTokenMs))
    throw new BerthError('Usage', `the ${max} must be between 1 hour and 2^32 seconds`);
  const extendsThoseOfPods = booleanFlag(`--${extend}`, flags.serviceAccountExtendTokenExpiration);
  return { maxSeconds: Math.floor(maxMs / 1000), extendsThoseOfPods };
}

function encryptionOf(flags: AccessFlags): Pick<AccessOptions, 'encryption'> {
  const flag = '--encryption-provider-config';
  const { encryptionProviderConfig: configFile } = flags;
  const reload = booleanFlag(`${flag}-automatic-reload`, String(flags.encryptionProviderConfigAutomaticReload));
  if (configFile !== undefined) return { encryption: { configFile, reload } };
  if (reload) throw new BerthError('Usage', `${flag}-automatic-reload must be set with ${flag}`);
  return {};
}

function modesOf(text: string): AuthorizationMode[] {
  const modes = text.split(',').map((name) => {
    const mode = authorizationModes.find((one) => one === name);
    if (mode) return mode;
    throw new BerthError(
      'Usage',
      `--authorization-mode "${text}": "${name}" is none of ${authorizationModes.join(', ')}`,
    );
  });
  if (new Set(modes).size === modes.length) return modes;
  throw new BerthError('Usage', `authorization-mode "${text}" has mode specified more than once`);
}

function authorizationOf(flags: AccessFlags, isGiven: IsGiven): AccessOptions['authorization'] {
  const { authorizationPolicyFile: policyFile, authorizationWebhookConfigFile: webhookConfigFile } = flags;
  if (flags.authorizationConfig !== undefined) return configuredOf(flags, isGiven, flags.authorizationConfig);
  const modes = flags.authorizationMode.split(',');
  for (const [flag, file, mode] of [
    ['--authorization-policy-file', policyFile, 'ABAC'],
    ['--authorization-webhook-config-file', webhookConfigFile, 'Webhook'],
  ] as const)
    if (file !== undefined && !modes.includes(mode))
      throw new BerthError('Usage', `cannot specify ${flag} without mode ${mode}`);
  return {
    ...(policyFile === undefined ? {} : { policyFile }),
    ...(webhookConfigFile === undefined ? {} : { webhookConfigFile }),
    webhookVersion: versionOf('--authorization-webhook-version', flags.authorizationWebhookVersion),
    webhookCacheAuthorizedTtlMs: duration(
      '--authorization-webhook-cache-authorized-ttl',
      flags.authorizationWebhookCacheAuthorizedTtl,
    ),
    webhookCacheUnauthorizedTtlMs: duration(
      '--authorization-webhook-cache-unauthorized-ttl',
      flags.authorizationWebhookCacheUnauthorizedTtl,
    ),
  };
}

/** A file says all but where the policies of ABAC are. */
function configuredOf(
  { authorizationPolicyFile: policyFile }: AccessFlags,
  isGiven: IsGiven,
  configFile: string,
): AccessOptions['authorization'] {
  const others = [
    'authorizationMode',
    'authorizationWebhookConfigFile',
    'authorizationWebhookVersion',
    'authorizationWebhookCacheAuthorizedTtl',
    'authorizationWebhookCacheUnauthorizedTtl',
  ] as const;
  if (others.some(isGiven))
    throw new BerthError(
      'Usage',
      '--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined',
    );
  return { configFile, ...(policyFile === undefined ? {} : { policyFile }) };
}

function authenticationOf(flags: AccessFlags, isGiven: IsGiven): AuthenticationOptions {
  const { anonymousAuth, tokenAuthFile, basicAuthFile, authenticationConfig: configFile } = flags;
  const oidc = oidcOf(flags, isGiven);
  const frontProxy = frontProxyOf(flags);
  const webhookFile = flags.authenticationTokenWebhookConfigFile;
  const version = versionOf('--authentication-token-webhook-version', flags.authenticationTokenWebhookVersion);
  const ttl = duration('--authentication-token-webhook-cache-ttl', flags.authenticationTokenWebhookCacheTtl);
  return {
    ...(isGiven('anonymousAuth') ? { anonymous: booleanFlag('--anonymous-auth', anonymousAuth) } : {}),
    bootstrapTokens: flags.enableBootstrapTokenAuth ?? false,
    ...(tokenAuthFile === undefined ? {} : { tokenAuthFile }),
    ...(basicAuthFile === undefined ? {} : { basicAuthFile }),
    ...(configFile === undefined ? {} : { configFile }),
    ...(oidc ? { oidc } : {}),
    ...(frontProxy ? { frontProxy } : {}),
    ...(webhookFile === undefined ? {} : { tokenWebhook: { configFile: webhookFile, version, cacheTtlMs: ttl } }),
  };
}

function oidcOf(flags: AccessFlags, isGiven: IsGiven): OidcFlags | undefined {
  const given = {
    issuerUrl: flags.oidcIssuerUrl,
    clientId: flags.oidcClientId,
    caFile: flags.oidcCaFile,
    usernamePrefix: flags.oidcUsernamePrefix,
    groupsClaim: flags.oidcGroupsClaim,
    groupsPrefix: flags.oidcGroupsPrefix,
    requiredClaims: flags.oidcRequiredClaim,
  };
  const said = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as OidcFlags;
  const isSaid = Object.keys(said).length > 0 || isGiven('oidcUsernameClaim') || isGiven('oidcSigningAlgs');
  if (!isSaid) return undefined;
  return { ...said, usernameClaim: flags.oidcUsernameClaim, signingAlgs: listOf(flags.oidcSigningAlgs) };
}

function frontProxyOf(flags: AccessFlags): FrontProxyOptions | undefined {
  const { requestheaderClientCaFile: clientCaFile } = flags;
  if (clientCaFile === undefined) return undefined;
  return {
    clientCaFile,
    allowedNames: listOf(flags.requestheaderAllowedNames ?? ''),
    usernameHeaders: listOf(flags.requestheaderUsernameHeaders),
    uidHeaders: listOf(flags.requestheaderUidHeaders ?? ''),
    groupHeaders: listOf(flags.requestheaderGroupHeaders),
    extraHeaderPrefixes: listOf(flags.requestheaderExtraHeadersPrefix),
  };
}

function listOf(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

function versionOf(flag: string, text: string): 'v1' | 'v1beta1' {
  if (text === 'v1' || text === 'v1beta1') return text;
  throw new BerthError('Usage', `${flag} takes v1 or v1beta1, not "${text}"`);
}

function duration(flag: string, text: string): number {
  return durationFlag(flag, text, { example: '2m0s' });
}
