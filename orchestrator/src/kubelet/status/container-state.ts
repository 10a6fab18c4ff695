import { rfc3339 } from '@berth/kit';
import type { Container, ContainerState, ContainerStatus, Pod, VolumeMountStatus } from '@berth/kube';
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
    resources: spec.resources ? structuredClone(spec.resources) : {},
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
