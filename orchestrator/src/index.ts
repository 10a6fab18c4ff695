/** The control plane and the node in one package: API server, store, scheduler, controllers, kubelet, runtime. */
export { type ApiServer, type ApiServerOptions, createApiServer } from './api-server/create-api-server.ts';
export { definitions } from './api-server/resources/definitions.ts';
export { MemoryStore } from './store/store.memory.ts';
export { openSqliteStore } from './store/store.sqlite.ts';
export type { Store } from './store/store.ts';
