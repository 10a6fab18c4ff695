import type { cri, Init, ServiceHandlers } from '@berth/protos';
import { containerStatus, sandboxStatus } from './cri-answers.ts';
import { nanoseconds } from './runtime-context.ts';
import type { HandlerParts } from './sandbox-handlers.ts';

/** CRI's methods about the runtime itself. */
export function nodeHandlers(parts: HandlerParts): ServiceHandlers<cri.RuntimeService> {
  const { oci } = parts.context.programs;
  return {
    Version: async () => ({
      version: '0.1.0',
      runtimeName: 'berth',
      runtimeVersion: '0.1.0',
      runtimeApiVersion: 'v1',
    }),
    Status: async ({ verbose }) => ({
      status: {
        conditions: [
          { type: 'RuntimeReady', status: true },
          { type: 'NetworkReady', status: true },
        ],
      },
      info: verbose ? { config: JSON.stringify({ ociRuntime: oci.path, cgroups: parts.context.cgroups.version }) } : {},
      runtimeHandlers: [{ name: '', features: { recursiveReadOnlyMounts: true, userNamespaces: false } }],
      features: { supplementalGroupsPolicy: true },
    }),
    RuntimeConfig: async () => ({ linux: { cgroupDriver: 'CGROUPFS' } }),
    // The pod range is an option of the runtime: kubelet's word on it changes nothing.
    UpdateRuntimeConfig: async () => ({}),
    GetContainerEvents: (_, { signal }) => containerEvents(parts, signal),
  };
}

function containerEvents(
  { context, sandboxes, containers }: HandlerParts,
  signal: AbortSignal,
): AsyncIterable<Init<cri.ContainerEventResponse>> {
  const events = context.events.follow(signal);
  return (async function* () {
    for await (const { id, sandboxId, type, atMs } of events) {
      const sandbox = sandboxes.find(sandboxId);
      yield {
        containerId: id,
        containerEventType: type,
        createdAt: nanoseconds(atMs),
        podSandboxStatus: sandbox ? sandboxStatus(sandbox) : null,
        containersStatuses: containers.list(sandboxId).map(containerStatus),
      };
    }
  })();
}
