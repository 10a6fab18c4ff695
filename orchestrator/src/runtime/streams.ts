import type { ContainerStreams } from '../kubelet/container-runtime.ts';
import { attachStream } from './attach-stream.ts';
import { running } from './container-handlers.ts';
import { execStream } from './exec-stream.ts';
import { forwardPort } from './port-forward.ts';
import type { HandlerParts } from './sandbox-handlers.ts';
import { sandboxNamespaces } from './sandbox-namespaces.ts';

/** Exec, attach and port-forward without the detour over a URL. */
export function containerStreams({ context, sandboxes, containers }: HandlerParts): ContainerStreams {
  return {
    exec: async (id, command, streams, signal) =>
      execStream(context, running(containers, id), { command, streams }, signal),
    attach: async (id, streams, signal) => attachStream(context, running(containers, id), streams, signal),
    portForward: async (sandboxId, port, signal) => {
      const { id, config } = sandboxes.get(sandboxId);
      const own = sandboxNamespaces(config).includes('net');
      return forwardPort(own ? context.layout.namespace(id, 'net') : undefined, port, signal);
    },
  };
}
