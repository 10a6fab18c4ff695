/** The control plane and the node in one package: API server, store, scheduler, controllers, kubelet, runtime. */

export type { ServiceRanges } from './api-server/admission/service-allocation.ts';
export type { AuthenticationOptions } from './api-server/authentication/authentication.ts';
export type { Authorizer } from './api-server/authorizer.ts';
export {
  type ApiServer,
  type ApiServerOptions,
  createApiServer,
} from './api-server/create-api-server.ts';
export type { TokenAuthenticator } from './api-server/http/authenticate.ts';
export type { Listener, ListenOptions } from './api-server/http/listener.ts';
export type { LimitOptions } from './api-server/limits/limit-options.ts';
export { definitions } from './api-server/resources/definitions.ts';
export { defaultServices } from './api-server/service-ips/default-services.ts';
export { JwtTokens, type JwtTokensOptions } from './api-server/tokens/jwt-tokens.ts';
export type { TokenIssuer } from './api-server/tokens/token-issuer.ts';
export { MemoryStore } from './store/store.memory.ts';
export { openSqliteStore } from './store/store.sqlite.ts';
export type { Store } from './store/store.ts';
