import type { GrpcCode, GrpcError } from './grpc-error.ts';

const irregular: Partial<Record<GrpcCode, string>> = { OK: 'OK', CANCELLED: 'Canceled' };

/** A gRPC code as Go prints it, which is how Kubernetes' events and metrics spell it: `InvalidArgument`. */
export function goCodeName(code: GrpcCode): string {
  const words = code.toLowerCase().split('_');
  return irregular[code] ?? words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

/** An error of a call in the words of grpc-go, which users of CSI sidecars search for. */
export function rpcErrorText(error: GrpcError): string {
  return `rpc error: code = ${goCodeName(error.code)} desc = ${error.message}`;
}
