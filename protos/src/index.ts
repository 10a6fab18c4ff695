/** Wire contracts: CSI 1.13, CRI v1, kubelet's plugin registration and etcd v3, as typed gRPC clients and servers. */
export {
  type CallOptions,
  type ConnectionOptions,
  type DuplexCall,
  GrpcConnection,
  type ServiceClient,
} from './client.ts';
export { criRuntime } from './cri.ts';
export { csiController, csiGroupController, csiIdentity, csiNode, csiRoot, csiSnapshotMetadata } from './csi.ts';
export type { TlsFiles } from './fresh-credentials.ts';
export type * as cri from './gen/cri.ts';
export type * as csi from './gen/csi.ts';
export type * as etcd from './gen/etcd.ts';
export type * as registration from './gen/registration.ts';
export type * as berth from './gen/trash.ts';
/** etcd's services, which only a store on etcd needs: their descriptor is not read before. */
export const loadEtcd = () => import('./etcd.ts');
export { goCodeName, rpcErrorText } from './go-code-name.ts';
export { asGrpcError, type GrpcCode, GrpcError, grpcCodes, grpcError } from './grpc-error.ts';
export type { Init, Int64, ServiceType, Timestamp, Wrapped } from './grpc-types.ts';
export { type ObservedCall, observedCalls } from './observed-calls.ts';
export { pluginRegistration } from './registration.ts';
export { type CallContext, GrpcServer, type ServiceHandlers } from './server.ts';
export type { Service } from './service.ts';
export { berthTrash, trashRoot } from './trash.ts';
