import type { Clock, Logger, Rng } from '@berth/kit';
import { apiError, decodeProtobuf, KubeClient, type Transport } from '@berth/kube';
import type { NodeApiLookup } from '../node-api.ts';
import { startAutoCompaction } from '../store/auto-compaction.ts';
import type { Store } from '../store/store.ts';
import { builtInAdmission } from './admission/built-in.ts';
import type { PluginChoice } from './admission/plugin-names.ts';
import { ServiceAllocation, type ServiceRanges } from './admission/service-allocation.ts';
import { proxyPath } from './aggregation/proxy-path.ts';
import { RemoteApis } from './aggregation/remote-apis.ts';
import { remoteDiscovery } from './aggregation/remote-discovery.ts';
import type { ProxyClient } from './aggregation/remote-target.ts';
import { remoteSchemaPaths } from './aggregation/schema-paths.ts';
import type { AsideWork } from './aside/aside-work.ts';
import { type Authentication, type AuthenticationOptions, authenticationOf } from './authentication/authentication.ts';
import { Authorization } from './authorization/authorization.ts';
import type { AuthorizationOptions } from './authorization/authorization-options.ts';
import { withConfiguredModes } from './authorization/configured-modes.ts';
import type { AuthorizationMode } from './authorization/modes.ts';
import { backupPath } from './backup-path.ts';
import { BodyDecoder } from './body-decoder.ts';
import { bootstrap } from './boot/bootstrap.ts';
import { publishAuthentication } from './boot/publish-authentication.ts';
import { startPresence } from './boot/start-presence.ts';
import { serveCustomResources } from './custom-resources/serve-custom-resources.ts';
import type { DebugOptions } from './debug/debug-options.ts';
import { debugPaths } from './debug/debug-paths.ts';
import { zPages } from './debug/zpages.ts';
import { discoveryPaths } from './discovery/discovery-paths.ts';
import { openApiPaths } from './discovery/openapi-paths.ts';
import { swaggerPath } from './discovery/swagger-path.ts';
import { type EncryptionOptions, type Following, withEncryptedStore } from './encryption/with-encrypted-store.ts';
import { type HealthCheck, healthPaths } from './health-paths.ts';
import type { TokenAuthenticator } from './http/authenticate.ts';
import { followCredentials } from './http/follow-credentials.ts';
import { type Listener, type ListenOptions, listen, type Upgrade } from './http/listener.ts';
import { InProcessTransport } from './in-process-transport.ts';
import type { LimitOptions } from './limits/limit-options.ts';
import { ServerLimits } from './limits/server-limits.ts';
import type { ComponentMetrics } from './metrics/component-metrics.ts';
import { ServerMetrics } from './metrics/server-metrics.ts';
import { componentsOf, ownHealthChecks, type StoreCheckTimes } from './own-health-checks.ts';
import { RequestPipeline } from './request-pipeline.ts';
import type { ResourceDefinition } from './resource-definition.ts';
import { ResourceRegistry } from './resource-registry.ts';
import { withEventTtl } from './resources/event-ttl.ts';
import { routeOf } from './route.ts';
import { ServerContext } from './server-context.ts';
import { rootPaths, serverPaths } from './server-paths.ts';
import { defaultServices } from './service-ips/default-services.ts';
import type { ClusterComponent } from './subresources/component-statuses.ts';
import { specialHandlers } from './subresources/special-handlers.ts';
import { issuerPaths } from './tokens/issuer-paths.ts';
import { liveAccounts } from './tokens/live-accounts.ts';
import type { TokenIssuer } from './tokens/token-issuer.ts';
import { loopback, type User } from './user.ts';

export interface ApiServerOptions {
  readonly store: Store;
  readonly definitions: readonly ResourceDefinition[];
  readonly clock: Clock;
  readonly rng: Rng;
  readonly log: Logger;
  readonly nodeApi: NodeApiLookup;
  /** Besides client certificates and service account tokens. */
  readonly authentication?: AuthenticationOptions;
  /** In order. Absent: whoever is authenticated may do everything. */
  readonly authorizationModes?: readonly AuthorizationMode[];
  /** What the modes need. */
  readonly authorization?: Omit<AuthorizationOptions, 'modes'>;
  /** Absent: all is stored as it is. */
  readonly encryption?: EncryptionOptions;
  /** Who this server is to those that serve APIServices (--proxy-client-cert-file, --proxy-client-key-file). */
  readonly proxyClient?: ProxyClient;
  /** Which admission plugins, other than by default. */
  readonly admissionPlugins?: PluginChoice;
  /** Makes and reads service account tokens; absent: none are given out. */
  readonly tokens?: TokenIssuer & TokenAuthenticator;
  /** Of Services' cluster IPs and node ports; the first address is the API server's own. */
  readonly services?: ServiceRanges;
  /** The address the `kubernetes` Service leads to where the server listens on a loopback address or on all of them. */
  readonly advertiseAddress?: string;
  /** For clients outside the process. Absent: all are served as they come. */
  readonly limits?: LimitOptions;
  /** Requests that take long are answered by a thread of their own, whose definitions are the built-in ones. */
  readonly aside?: boolean;
  /** Hears of each request as it comes, from this process, too. */
  readonly noteRequest?: () => void;
  /** Absent: two seconds each. */
  readonly storeChecks?: StoreCheckTimes;
  /** Beyond the server's own: what /readyz also waits for. */
  readonly healthChecks?: readonly HealthCheck[];
  /** What componentstatuses tell of beside the store. */
  readonly components?: readonly ClusterComponent[];
  /** What the process tells of itself; absent: it lets itself be profiled, and was started without flags. */
  readonly debug?: DebugOptions;
  /** Serves exec, attach and port-forward connections. */
  readonly serveUpgrade?: (upgrade: Upgrade, server: UpgradeContext) => Promise<void>;
}

/** What serving an upgraded connection needs of the server. */
export interface UpgradeContext {
  readonly context: ServerContext;
  readonly pipeline: RequestPipeline;
  readonly nodeApi: NodeApiLookup;
}

export interface ApiServer extends AsyncDisposable {
  /** What other parts of this process tell by its `/metrics`. */
  readonly metrics: ComponentMetrics;
  /** Clients inside the process; as a component of the control plane unless `user` says otherwise. */
  transport(user?: User): Transport;
  /** Serves HTTPS; may be called for several addresses. Disposing the server ends them all. */
  listen(options: ListenOptions): Promise<Listener>;
}

/** An API server on `store`: its namespaces, classes and the `kubernetes` Service exist when this resolves. */
export async function createApiServer(given: ApiServerOptions): Promise<ApiServer> {
  const server = new Server(await withEncryptedStore(await withConfiguredModes(given)));
  try {
    await server.start();
  } catch (error) {
    // What it follows by then must not outlive it.
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

class Server implements ApiServer {
  readonly pipeline: RequestPipeline;
  readonly #options: ApiServerOptions & Following;
  readonly #noteRequest: () => void;
  readonly #metrics: ServerMetrics;
  readonly #limits: ServerLimits;
  readonly #listeners: Listener[] = [];
  readonly #services: ServiceAllocation;
  readonly #authorization: Authorization;
  readonly #remotes: RemoteApis;
  #known: Promise<Authentication> | undefined;
  readonly #tokens: (TokenIssuer & TokenAuthenticator) | undefined;
  readonly #end = new AbortController();
  #aside: Promise<AsideWork> | undefined;
  #started = false;
  #compaction: AsyncDisposable | undefined;
  #presence: AsyncDisposable | undefined;
  #customResources: AsyncDisposable | undefined;
  #localApis: Promise<void> | undefined;

  constructor(options: ApiServerOptions & Following) {
    const { store, clock, rng, log, definitions, healthChecks = [], debug = { profiling: true, flags: {} } } = options;
    const plugins = options.admissionPlugins ?? { enable: [], disable: [] };
    this.#options = options;
    this.#noteRequest = options.noteRequest ?? (() => undefined);
    const registry = new ResourceRegistry(withEventTtl(definitions, options.limits?.eventTtlSeconds));
    const services = new ServiceAllocation({ ...(options.services ?? defaultServices), clock, rng });
    this.#services = services;
    const context = new ServerContext({
      registry,
      store,
      clock,
      rng,
      log,
      bodies: new BodyDecoder(async (bytes, usual) => (await decodeProtobuf(bytes, { usual })).object),
      aside: options.aside ?? false,
      minRequestTimeoutSeconds: options.limits?.minRequestTimeoutSeconds,
      admission: (self) =>
        builtInAdmission(self, {
          services,
          plugins,
          authorization: () => this.#authorization,
          metrics: () => this.#metrics.admission,
          podMetrics: () => this.#metrics.podSecurity,
          steps: () => this.#metrics?.admissionSteps,
        }),
    });
    this.#authorization = new Authorization(context, {
      ...options.authorization,
      modes: options.authorizationModes ?? [],
    });
    const { authorizer } = this.#authorization;
    this.#tokens = options.tokens && liveAccounts(context, options.tokens);
    this.#metrics = new ServerMetrics(context);
    this.#limits = new ServerLimits({ context, metrics: this.#metrics, log, options: options.limits });
    const own = ownHealthChecks({
      store,
      clock,
      times: options.storeChecks,
      limits: this.#limits,
      isStarted: () => this.#started,
      isEnding: () => this.#end.signal.aborted,
      withRoles: this.#authorization.policy !== undefined,
    });
    this.#remotes = new RemoteApis(context, options.proxyClient ?? {}, this.#metrics.registry);
    this.pipeline = new RequestPipeline({
      context,
      authorizer,
      paths: [
        remoteDiscovery(registry, this.#remotes),
        proxyPath(context, this.#remotes),
        discoveryPaths(registry, () => this.#address()),
        openApiPaths(registry),
        swaggerPath(registry),
        healthPaths([...own, ...healthChecks], (...check) => this.#metrics.health.observe(...check)),
        issuerPaths(options.tokens, () => this.#address()),
        serverPaths(this.#metrics, () => rootPaths(registry, own)),
        backupPath(store),
        this.#limits.debugPaths,
        debugPaths(debug),
        zPages(clock, debug),
      ],
      schemas: remoteSchemaPaths(context, this.#remotes),
      noteDecision: (decision, ms) => this.#metrics.access.authorized(decision, ms),
      aside: options.aside ? async (request, custom) => (await this.#asideWork()).answer(request, custom) : undefined,
      special: specialHandlers({
        nodeApi: options.nodeApi,
        components: componentsOf(own, options.components),
        authorization: this.#authorization,
        tokens: this.#tokens,
        authentication: () => this.#authentication(),
      }),
    });
  }

  async start(): Promise<void> {
    const { context } = this.pipeline;
    this.#compaction = startAutoCompaction(context);
    this.#metrics.start(this.#end.signal);
    await this.#services.start(context, this.#end.signal);
    await this.#bootstrap();
    this.#customResources = await serveCustomResources(context, this.#end.signal);
    await Promise.all([
      this.#authorization.start(this.#end.signal, this.#options.log, { observer: this.#metrics.authorization }),
      context.admission.start(this.#end.signal),
      this.#remotes.start(this.#end.signal),
    ]);
    this.#options.followEncryption?.({
      ...this.#options,
      reloaded: (success) => this.#metrics.configurations.reloaded('encryption', success),
      signal: this.#end.signal,
    });
    this.#started = true;
  }

  get metrics(): ComponentMetrics {
    return this.pipeline.context.metrics;
  }

  transport(user: User = loopback): Transport {
    return new InProcessTransport(this.pipeline, user, {
      began: this.#noteRequest,
      ended: (request) => this.#metrics.requests.counted(request),
    });
  }

  async listen(options: ListenOptions): Promise<Listener> {
    const { clock, rng, log } = this.#options;
    const authentication = await this.#authentication();
    await this.#limits.start(this.#end.signal);
    const { inFlight, auditor, requestTimeoutMs } = this.#limits;
    const listener = await listen(options, {
      pipeline: this.pipeline,
      clock,
      rng,
      log,
      authentication,
      metrics: this.#metrics,
      inFlight,
      auditor,
      requestTimeoutMs,
      goawayChance: this.#options.limits?.goawayChance ?? 0,
      noteRequest: this.#noteRequest,
      isRemote: ({ group, version }) => this.#remotes.find(group, version) !== undefined,
      upgrade: (upgrade) => this.#upgrade(upgrade),
    });
    const { frontProxy } = authentication;
    const publish = (clientCa: string) => publishAuthentication(this.pipeline.context, { clientCa, frontProxy });
    followCredentials({ listener, options, frontProxy, publish, clock, log }, this.#end.signal);
    if (this.#listeners.push(listener) === 1) {
      await Promise.all([publish(options.clientCa), this.#startPresence(listener)]);
      this.#localApis = this.#registerLocalApis();
    }
    return listener;
  }

  /** Nobody waits for it: what it tells holds without it. */
  async #registerLocalApis(): Promise<void> {
    const { signal } = this.#end;
    try {
      const { LocalApis } = await import('./aggregation/local-apis.ts');
      await new LocalApis(this.pipeline.context, new KubeClient(this.transport())).run(signal);
    } catch (error) {
      if (!signal.aborted) this.#options.log.error('groups of this server have no APIServices', { error });
    }
  }

  /** Loaded with the first such request. */
  #asideWork(): Promise<AsideWork> {
    const { store, clock, log, authorization, authorizationModes = [], admissionPlugins, limits } = this.#options;
    this.#aside ??= import('./aside/aside-work.ts').then(
      ({ AsideWork }) =>
        new AsideWork({
          store,
          clock,
          log,
          reserve: (value) => this.#services.reserve(value),
          written: (key, value) => noteSettled(this.pipeline.context, key, value),
          called: (call) => this.#metrics.admission.called(call),
          podSecurity: (event) => this.#metrics.podSecurity.podSecurity(event),
          options: {
            authorization: { ...authorization, modes: authorizationModes },
            admissionPlugins: admissionPlugins ?? { enable: [], disable: [] },
            services: this.#options.services ?? defaultServices,
            eventTtlSeconds: limits?.eventTtlSeconds,
          },
        }),
    );
    return this.#aside;
  }

  #authentication(): Promise<Authentication> {
    const own = this.#tokens ? [this.#tokens] : [];
    const { authentication, authorization, authorizationModes: modes = [] } = this.#options;
    const audiences = own.flatMap((each) => each.audiences);
    const allowsAll = authorization?.configFile === undefined && modes.includes('AlwaysAllow');
    const options = { audiences, allowsAll, ...authentication };
    this.#known ??= authenticationOf(this.pipeline.context, options, {
      own,
      signal: this.#end.signal,
      reloaded: (success) => this.#metrics.configurations.reloaded('authentication', success),
    });
    return this.#known;
  }

  async #startPresence(listener: Listener): Promise<void> {
    this.#presence = await startPresence(this.pipeline.context, {
      listener,
      advertiseAddress: this.#options.advertiseAddress,
      client: new KubeClient(this.transport()),
      services: this.#services,
      restore: () => this.#bootstrap(),
    });
  }

  #bootstrap(): Promise<void> {
    return bootstrap(this.pipeline.context, { ranges: this.#services.ranges, port: 6443 });
  }

  async #upgrade(upgrade: Upgrade): Promise<void> {
    const { serveUpgrade, nodeApi } = this.#options;
    const { context } = this.pipeline;
    const { method, path, query } = upgrade.request;
    const route = routeOf(context.registry, method, path, query);
    await this.pipeline.authorize(route, upgrade.request);
    if (route.type === 'other' && (await this.#forwarded(route.segments, upgrade))) return;
    if (route.type === 'resource' && route.subresource?.name === 'proxy') {
      const { upgradeProxy } = await import('./subresources/proxy/upgrade-proxy.ts');
      return await upgradeProxy({ context, nodeApi }, route, upgrade);
    }
    if (!serveUpgrade) throw apiError('BadRequest', 'this server does not serve upgraded connections');
    await serveUpgrade(upgrade, { context, pipeline: this.pipeline, nodeApi });
  }

  /** Whether it is another server's, which has it then. */
  async #forwarded([root, group = '', version = '']: readonly string[], upgrade: Upgrade): Promise<boolean> {
    const { context } = this.pipeline;
    const api = root === 'apis' ? this.#remotes.find(group, version) : undefined;
    if (!api) return false;
    const { forwardUpgrade } = await import('./aggregation/forward-upgrade.ts');
    await forwardUpgrade({ context, apis: this.#remotes, api }, upgrade);
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#presence?.[Symbol.asyncDispose]();
    // What was let in is answered while all that it stands on is there.
    await Promise.all(this.#listeners.splice(0).map((listener) => listener[Symbol.asyncDispose]()));
    await this.#compaction?.[Symbol.asyncDispose]();
    this.#end.abort();
    await this.#localApis;
    await this.#customResources?.[Symbol.asyncDispose]();
    await this.#limits[Symbol.asyncDispose]();
    await (await this.#aside)?.[Symbol.asyncDispose]();
    // Last: audit events still go through it.
    this.pipeline.context.outbound[Symbol.dispose]();
  }

  #address(): string {
    const listener = this.#listeners[0];
    return listener ? `${listener.address}:${listener.port}` : '';
  }
}

/** What the other thread's codec wrote need not be read here to know that it is as today's schema says. */
function noteSettled({ registry }: ServerContext, key: string, value: Uint8Array): void {
  const [, root, group = '', plural = ''] = key.split('/');
  const found = root === 'registry' ? registry.ofResource(group, plural) : undefined;
  found?.custom?.noteSettled(value);
}
