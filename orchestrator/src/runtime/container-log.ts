import { posix } from 'node:path';
import { type cri, grpcError } from '@berth/protos';

/**
 * The file a container's output goes to; "" where the sandbox keeps no logs.
 * @throws GrpcError INVALID_ARGUMENT – a log path that leaves the sandbox's log directory.
 */
export function containerLogPath(sandbox: cri.PodSandboxConfig, config: cri.ContainerConfig): string {
  if (sandbox.logDirectory === '' || config.logPath === '') return '';
  const path = posix.normalize(config.logPath);
  if (path.startsWith('/') || path.split('/').includes('..') || path.includes('\0')) {
    throw grpcError('INVALID_ARGUMENT', `log path "${config.logPath}": leaves the log directory`);
  }
  return posix.join(sandbox.logDirectory, path);
}
