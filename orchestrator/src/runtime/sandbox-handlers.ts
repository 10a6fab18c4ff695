import { type cri, grpcError, type ServiceHandlers } from '@berth/protos';
import { ensureCgroup } from './cgroups.ts';
import type { UsageReader } from './container-stats.ts';
import type { Containers } from './containers.ts';
import { containerStatus, matchesLabels, sandboxAnswer, sandboxStatus } from './cri-answers.ts';
import type { SandboxRecord } from './records.ts';
import { nanoseconds, type RuntimeContext } from './runtime-context.ts';
import { ownsCgroup, type Sandboxes } from './sandboxes.ts';

export interface HandlerParts {
  readonly context: RuntimeContext;
  readonly sandboxes: Sandboxes;
  readonly containers: Containers;
  readonly usage: UsageReader;
}

/** CRI's methods on sandboxes. Stop and Remove of what is not there succeed (CRI: "must not return an error"). */
export function sandboxHandlers(parts: HandlerParts): ServiceHandlers<cri.RuntimeService> {
  const { context, sandboxes, containers, usage } = parts;
  const stopAll = (id: string) => Promise.all(containers.list(id).map((container) => containers.stop(container.id, 0)));
  return {
    RunPodSandbox: async ({ config, runtimeHandler }) => {
      if (!config) throw grpcError('INVALID_ARGUMENT', 'sandbox config is missing');
      return { podSandboxId: await sandboxes.run(config, runtimeHandler) };
    },
    StopPodSandbox: async ({ podSandboxId }) => {
      await stopAll(podSandboxId);
      await sandboxes.stop(podSandboxId);
      return {};
    },
    RemovePodSandbox: async ({ podSandboxId }) => {
      await stopAll(podSandboxId);
      await sandboxes.stop(podSandboxId);
      await Promise.all(containers.list(podSandboxId).map(({ id }) => containers.remove(id)));
      await sandboxes.remove(podSandboxId);
      return {};
    },
    PodSandboxStatus: async ({ podSandboxId, verbose }) => {
      const record = sandboxes.get(podSandboxId);
      return {
        status: sandboxStatus(record),
        containersStatuses: containers.list(record.id).map(containerStatus),
        timestamp: nanoseconds(context.clock.now()),
        info: verbose ? { info: JSON.stringify({ cgroupParent: record.cgroupParent }) } : {},
      };
    },
    ListPodSandbox: async ({ filter }) => ({ items: select(sandboxes, filter).map(sandboxAnswer) }),
    PodSandboxStats: async ({ podSandboxId }) => {
      const record = sandboxes.get(podSandboxId);
      return { stats: await usage.sandbox(record, containers.list(record.id)) };
    },
    ListPodSandboxStats: async ({ filter }) => {
      const records = select(sandboxes, filter && { ...filter, state: null });
      return { stats: await Promise.all(records.map((record) => usage.sandbox(record, containers.list(record.id)))) };
    },
    UpdatePodSandboxResources: async ({ podSandboxId, resources }) => {
      const record = sandboxes.get(podSandboxId);
      if (resources && ownsCgroup(record.config)) await ensureCgroup(context.cgroups, record.cgroupParent, resources);
      return {};
    },
  };
}

function select(sandboxes: Sandboxes, filter: cri.PodSandboxFilter | null): SandboxRecord[] {
  if (!filter) return sandboxes.list();
  const { id, state, labelSelector } = filter;
  return sandboxes
    .list((record) => record.id.startsWith(id) && matchesLabels(record.config.labels, labelSelector))
    .filter((record) => !state || (state.state === 'SANDBOX_READY') === (record.state === 'ready'));
}
