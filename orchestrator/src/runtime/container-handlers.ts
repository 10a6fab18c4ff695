import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type cri, grpcError, type ServiceHandlers } from '@berth/protos';
import { controlConmon } from './conmon.ts';
import { ociResources } from './container-resources.ts';
import { type Containers, criState } from './containers.ts';
import { containerAnswer, containerStatus, matchesLabels } from './cri-answers.ts';
import { execSync } from './exec-sync.ts';
import type { ContainerRecord } from './records.ts';
import type { HandlerParts } from './sandbox-handlers.ts';

/** CRI's methods on containers. */
export function containerHandlers(parts: HandlerParts): ServiceHandlers<cri.RuntimeService> {
  return { ...lifecycleHandlers(parts), ...observationHandlers(parts), ...changeHandlers(parts) };
}

function lifecycleHandlers({ sandboxes, containers }: HandlerParts): ServiceHandlers<cri.RuntimeService> {
  return {
    CreateContainer: async ({ podSandboxId, config }) => {
      if (!config) throw grpcError('INVALID_ARGUMENT', 'container config is missing');
      return { containerId: await containers.create(sandboxes.get(podSandboxId), config) };
    },
    StartContainer: async ({ containerId }) => {
      await containers.start(containerId);
      return {};
    },
    StopContainer: async ({ containerId, timeout }) => {
      await containers.stop(containerId, Number(timeout) * 1000);
      return {};
    },
    RemoveContainer: async ({ containerId }) => {
      await containers.remove(containerId);
      return {};
    },
  };
}

function observationHandlers({ containers, usage }: HandlerParts): ServiceHandlers<cri.RuntimeService> {
  const observed = async (record: ContainerRecord) => {
    if (containers.isLost(record)) await containers.observeExit(record.id);
    return containers.find(record.id) ?? record;
  };
  return {
    ListContainers: async ({ filter }) => {
      // Whether it ended is asked of those alone that are meant; the kubelet lists one pod's at a time.
      await Promise.all(select(containers, filter && { ...filter, state: null }).map(observed));
      return { containers: select(containers, filter).map(containerAnswer) };
    },
    ContainerStatus: async ({ containerId, verbose }) => {
      const record = await observed(containers.get(containerId));
      const info = { pid: record.process?.pid, sandboxID: record.sandboxId, cgroup: record.cgroupPath };
      return { status: containerStatus(record), info: verbose ? { info: JSON.stringify(info) } : {} };
    },
    ContainerStats: async ({ containerId }, { signal }) => ({
      stats: await usage.withLayer(containers.get(containerId), signal),
    }),
    ListContainerStats: async ({ filter }, { signal }) => {
      const records = select(containers, filter && { ...filter, state: null });
      const running = records.filter(({ state }) => state === 'running');
      return { stats: await Promise.all(running.map((record) => usage.withLayer(record, signal))) };
    },
  };
}

function changeHandlers({ context, containers }: HandlerParts): ServiceHandlers<cri.RuntimeService> {
  return {
    UpdateContainerResources: async ({ containerId, linux }) => {
      const record = containers.get(containerId);
      if (!linux) return {};
      if (record.state === 'exited') throw notRunning(record);
      const file = join(context.layout.container(record.id), 'resources.json');
      await writeFile(file, JSON.stringify(ociResources(linux, context.cgroups.version)));
      await context.oci.update(record.id, file);
      await containers.updateResources(record.id, linux);
      return {};
    },
    ReopenContainerLog: async ({ containerId }) => {
      const record = running(containers, containerId);
      await controlConmon(context.layout.container(record.id), [2, 0, 0]);
      return {};
    },
    ExecSync: async ({ containerId, cmd, timeout }, { signal }) => {
      const record = running(containers, containerId);
      return execSync(context, record, cmd, { timeoutMs: Number(timeout) * 1000, signal });
    },
  };
}

/** @throws GrpcError NOT_FOUND, or FAILED_PRECONDITION – it does not run. */
export function running(containers: Containers, id: string): ContainerRecord {
  const record = containers.get(id);
  if (record.state !== 'running') throw notRunning(record);
  return record;
}

function notRunning(record: ContainerRecord) {
  return grpcError('FAILED_PRECONDITION', `container "${record.id}" is in ${criState(record.state)} state`);
}

function select(containers: Containers, filter: cri.ContainerFilter | null): ContainerRecord[] {
  return containers
    .list()
    .filter(
      (record) =>
        !filter ||
        ((filter.id === '' || record.id.startsWith(filter.id)) &&
          (filter.podSandboxId === '' || record.sandboxId === filter.podSandboxId) &&
          (!filter.state || filter.state.state === criState(record.state)) &&
          matchesLabels(record.config.labels, filter.labelSelector)),
    );
}
