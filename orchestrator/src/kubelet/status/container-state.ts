import { rfc3339 } from '@berth/kit';
import {
  type Container,
  type ContainerState,
  type ContainerStatus,
  type Pod,
  Quantity,
  type ResourceRequirements,
  type VolumeMountStatus,
} from '@berth/kube';
import { bytes, cpuQuotaUs, cpuShares, milli } from '../containers/linux-resources.ts';
import type { RuntimeContainer } from '../pods/runtime-pod.ts';

/** One runtime container in the API's form (kubelet_pods.go convertContainerStatus). */
export function asContainerStatus(container: RuntimeContainer, spec: Container, runtimeName: string): ContainerStatus {
  const { user } = container;
  return {
    name: spec.name,
    state: stateOf(container, runtimeName),
    lastState: {},
    ready: false,
    restartCount: container.restartCount,
    image: container.image || (spec.image ?? ''),
    imageID: container.imageId,
    containerID: `${runtimeName}://${container.id}`,
    resources: actualResources(container, spec),
    ...(spec.resources?.requests ? { allocatedResources: { ...spec.resources.requests } } : {}),
    volumeMounts: volumeMountStatuses(spec),
    ...(user
      ? {
          user: {
            linux: {
              uid: Number(user.uid),
              gid: Number(user.gid),
              supplementalGroups: user.supplementalGroups.map(Number),
            },
          },
        }
      : {}),
  };
}

/** What a running container has, which is not what its spec asks for while it is resized (kubelet_pods.go convertContainerStatusResources). */
function actualResources({ state, resources: now }: RuntimeContainer, { resources }: Container): ResourceRequirements {
  if (!resources) return {};
  const { limits, requests } = resources;
  const actual = structuredClone(resources);
  if (state !== 'CONTAINER_RUNNING' || !now) return actual;
  const quotaUs = Number(now.cpuQuota);
  const memoryBytes = Number(now.memoryLimitInBytes);
  const shares = Number(now.cpuShares);
  if (actual.limits && quotaUs > 0 && quotaUs !== cpuQuotaUs(milli(limits?.['cpu'])))
    actual.limits['cpu'] = String(Quantity.ofMilli(Math.floor((quotaUs * 1000) / Number(now.cpuPeriod))));
  if (actual.limits && memoryBytes > 0 && memoryBytes !== bytes(limits?.['memory']))
    actual.limits['memory'] = String(Quantity.of(memoryBytes, 'BinarySI'));
  if (actual.requests && shares > 2 && shares !== cpuShares(milli(requests?.['cpu'])))
    actual.requests['cpu'] = String(Quantity.ofMilli(Math.ceil((shares * 1000) / 1024)));
  return actual;
}

function stateOf(container: RuntimeContainer, runtimeName: string): ContainerState {
  switch (container.state) {
    case 'CONTAINER_RUNNING':
      return { running: { startedAt: rfc3339(container.startedAtMs) } };
    case 'CONTAINER_CREATED':
      return { waiting: {} };
    case 'CONTAINER_EXITED':
      return {
        terminated: {
          exitCode: container.exitCode,
          reason: container.reason || (container.exitCode === 0 ? 'Completed' : 'Error'),
          ...(container.message === '' ? {} : { message: container.message }),
          // One that was ended before it was started has not run since 1970.
          startedAt: rfc3339(container.startedAtMs || container.finishedAtMs),
          finishedAt: rfc3339(container.finishedAtMs),
          containerID: `${runtimeName}://${container.id}`,
        },
      };
    default:
      return {
        terminated: {
          exitCode: 137,
          reason: 'ContainerStatusUnknown',
          message: 'The container could not be located when the pod was terminated',
        },
      };
  }
}

/** The mounts a container asks for, as its status tells them (KEP-3857). */
export function volumeMountStatuses(spec: Container): VolumeMountStatus[] {
  return (spec.volumeMounts ?? []).map((mount) => ({
    name: mount.name,
    mountPath: mount.mountPath,
    ...(mount.readOnly
      ? {
          readOnly: true,
          recursiveReadOnly:
            mount.recursiveReadOnly === 'IfPossible' ? 'Enabled' : (mount.recursiveReadOnly ?? 'Disabled'),
        }
      : {}),
  }));
}

/** A container that never reported its end is taken as killed (status_manager.go TerminatePod). */
export function assumeEnded(pod: Pod, status: ContainerStatus): ContainerStatus {
  if (status.state?.terminated || !pod.metadata.uid) return status;
  return {
    ...status,
    ready: false,
    started: false,
    state: {
      terminated: {
        exitCode: 137,
        reason: 'ContainerStatusUnknown',
        message: 'The container could not be located when the pod was terminated',
      },
    },
  };
}
