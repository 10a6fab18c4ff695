import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, type Logger, messageOf, type Rng } from '@berth/kit';
import { IdlePolling } from '@berth/linux';
import type { PluginChoice } from '../api-server/admission/plugin-names.ts';
import type { ServiceRanges } from '../api-server/admission/service-allocation.ts';
import { checkKeyPair, type KeyPair } from '../api-server/configuration/follow-key-pair.ts';
import { type ApiServer, type ApiServerOptions, createApiServer } from '../api-server/create-api-server.ts';
import type { DebugOptions } from '../api-server/debug/debug-options.ts';
import type { Listener } from '../api-server/http/listener.ts';
import type { LimitOptions } from '../api-server/limits/limit-options.ts';
import { definitions } from '../api-server/resources/definitions.ts';
import { servePodUpgrade } from '../api-server/streaming/serve-pod-upgrade.ts';
import type { ClusterComponent } from '../api-server/subresources/component-statuses.ts';
import { JwtTokens } from '../api-server/tokens/jwt-tokens.ts';
import type { NodeApiLookup } from '../node-api.ts';
import type { AccessOptions } from './access-flags.ts';
import { BerthError } from './berth-error.ts';
import { listenError } from './check-port.ts';
import type { DataDir } from './data-dir.ts';
import type { EtcdChoice } from './etcd-flags.ts';
import { defaultFrontProxy, frontProxyCaFile, frontProxyName } from './front-proxy-defaults.ts';
import { openStore } from './open-store.ts';
import { credentialFiles, type Pki } from './pki.ts';
import { localHost, publicAddress } from './server-names.ts';
import { verifyingKeysOf } from './service-account-flags.ts';

export interface StartServerOptions extends AccessOptions {
  readonly data: DataDir;
  /** The store; absent: a file in `data`. */
  readonly etcd: EtcdChoice | undefined;
  readonly address: string;
  readonly port: number;
  readonly pki: Pki;
  readonly admissionPlugins: PluginChoice;
  readonly limits: LimitOptions;
  readonly services: ServiceRanges;
  /** How long processors stay awake after a request; 0: they halt as they like. */
  readonly idlePollMs: number;
  readonly debug: DebugOptions;
  readonly nodeApi: NodeApiLookup;
  readonly components: readonly ClusterComponent[];
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
}

export interface RunningServer extends AsyncDisposable {
  readonly api: ApiServer;
  /** `https://127.0.0.1:6443` */
  readonly url: string;
}

/** Opens the store and serves the API on it, in this process and over TLS. */
export async function startServer(options: StartServerOptions): Promise<RunningServer> {
  const { address, pki, clock, rng, log, nodeApi, components, idlePollMs } = options;
  const advertiseAddress = publicAddress(address, options.services);
  await using stack = new AsyncDisposableStack();
  const polling = idlePollMs > 0 ? stack.use(new IdlePolling({ clock, forMs: idlePollMs })) : undefined;
  const store = stack.use(await openStore(options));
  const { issuer, otherIssuers, audiences, keySetUri } = options.serviceAccounts;
  const keys = await verifyingKeysOf(options.serviceAccounts);
  const tokens = new JwtTokens({
    issuer,
    otherIssuers,
    ...(audiences === undefined ? {} : { audiences }),
    ...(keySetUri === undefined ? {} : { keySetUri }),
    ...(keys === undefined ? {} : { keys }),
    privateKey: pki.serviceAccountKey,
    lifetimes: options.tokenLifetimes,
    clock,
    rng,
  });
  const api = stack.use(
    await started(createApiServer, {
      store,
      definitions,
      clock,
      rng,
      log,
      nodeApi,
      components,
      tokens,
      authorizationModes: options.authorizationModes,
      authorization: options.authorization,
      admissionPlugins: options.admissionPlugins,
      limits: options.limits,
      services: options.services,
      debug: options.debug,
      aside: true,
      ...(polling ? { noteRequest: () => polling.worked() } : {}),
      ...(options.etcd?.checks ? { storeChecks: options.etcd.checks } : {}),
      ...(options.encryption ? { encryption: options.encryption } : {}),
      ...(await frontProxyOf(options)),
      ...(advertiseAddress === undefined ? {} : { advertiseAddress }),
      serveUpgrade: servePodUpgrade,
    }),
  );
  const listener = await listen(api, options);
  const own = stack.move();
  const url = `https://${localHost(address)}:${listener.port}`;
  return { api, url, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

/** How servers behind APIServices know this one: as flags say, and by `pki/` where none says anything. */
async function frontProxyOf({
  proxyClientFiles,
  authentication,
  data,
  pki,
}: StartServerOptions): Promise<Pick<ApiServerOptions, 'authentication' | 'proxyClient'>> {
  if (proxyClientFiles)
    return { authentication, proxyClient: { ...(await readProxyClient(proxyClientFiles)), files: proxyClientFiles } };
  if (authentication.frontProxy) return { authentication };
  const [cert, key] = ['crt', 'key'].map((end) => join(data.pki, `${frontProxyName}.${end}`)) as [string, string];
  const files = { cert, key };
  const frontProxy = defaultFrontProxy(join(data.pki, frontProxyCaFile));
  return { authentication: { ...authentication, frontProxy }, proxyClient: { ...pki.frontProxy, files } };
}

async function readProxyClient(files: KeyPair): Promise<KeyPair> {
  const read = (flag: string, path: string) =>
    readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      throw new BerthError('Usage', `${flag} ${path} cannot be read: ${error.code}`);
    });
  const [cert, key] = await Promise.all([
    read('--proxy-client-cert-file', files.cert),
    read('--proxy-client-key-file', files.key),
  ]);
  try {
    checkKeyPair({ cert, key });
  } catch (cause) {
    const of = `--proxy-client-cert-file ${files.cert} and --proxy-client-key-file ${files.key}`;
    throw new BerthError('Usage', `${of}: ${messageOf(cause)}`, { cause });
  }
  return { cert, key };
}

/** @throws BerthError Usage – a file of a flag that is wrong. */
async function started(start: typeof createApiServer, options: ApiServerOptions): Promise<ApiServer> {
  try {
    return await start(options);
  } catch (error) {
    if (error instanceof RangeError) throw new BerthError('Usage', error.message, { cause: error });
    throw error;
  }
}

type Paths = [cert: string, key: string, clientCa: string];

async function listen(api: ApiServer, { address, port, pki, data }: StartServerOptions): Promise<Listener> {
  const [cert, key, clientCa] = credentialFiles.map((name) => join(data.pki, name)) as Paths;
  try {
    return await api.listen({ address, port, ...pki.server, clientCa: pki.ca, files: { cert, key, clientCa } });
  } catch (error) {
    // A file of users that is wrong.
    if (error instanceof RangeError) throw new BerthError('Usage', error.message, { cause: error });
    throw listenError(error, { address, port });
  }
}
