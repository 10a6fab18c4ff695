import { type ApiError, apiError, type ContainerStatus, type Pod, type PodStatus } from '@berth/kube';
import { findContainer } from '../pods/pod-facts.ts';

/**
 * The id of the container whose log is asked for (kubelet validateContainerLogStatus).
 * @throws ApiError BadRequest – it has none yet, in kubelet's words.
 */
export function logTarget(pod: Pod, status: PodStatus, containerName: string, previous: boolean): string {
  const podName = pod.metadata.name ?? '';
  if (!findContainer(pod, containerName)) {
    throw apiError('BadRequest', `container ${containerName} is not valid for pod ${podName}`);
  }
  const { containerStatuses = [], initContainerStatuses = [], ephemeralContainerStatuses = [] } = status;
  const all = [...containerStatuses, ...initContainerStatuses, ...ephemeralContainerStatuses];
  const found = all.find(({ name }) => name === containerName);
  const refuse = (text: string): ApiError =>
    apiError('BadRequest', `container "${containerName}" in pod "${podName}" is ${text}`);
  if (!found) throw refuse('not available');
  const last = idOf(found.lastState?.terminated?.containerID);
  if (previous) {
    if (last !== '') return last;
    throw apiError('BadRequest', `previous terminated container "${containerName}" in pod "${podName}" not found`);
  }
  const now = currentId(found);
  if (now !== '') return now;
  if (last !== '') return last;
  if (found.state?.terminated || found.lastState?.terminated) throw refuse('terminated');
  throw refuse(waitingText(found.state?.waiting?.reason));
}

function currentId({ state, containerID }: ContainerStatus): string {
  if (state?.running) return idOf(containerID);
  return idOf(state?.terminated?.containerID);
}

function waitingText(reason: string | undefined): string {
  if (reason === 'ErrImagePull') return "waiting to start: image can't be pulled";
  if (reason === 'ImagePullBackOff') return 'waiting to start: trying and failing to pull image';
  return reason ? `waiting to start: ${reason}` : 'waiting to start - no logs yet';
}

/** A status' `runtime://id` without the runtime. */
function idOf(containerId: string | undefined): string {
  return containerId?.replace(/^[^:]*:\/\//, '') ?? '';
}
