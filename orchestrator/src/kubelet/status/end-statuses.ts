import type { ContainerStatus, Pod } from '@berth/kube';
import { initContainersOf, isSidecar } from '../pods/pod-facts.ts';
import { assumeEnded } from './container-state.ts';
import type { AllStatuses } from './container-statuses.ts';

/**
 * The last statuses of a pod that has no container left (status_manager.go TerminatePod): those without an end are taken as
 * killed, but for containers that could not have been started, since the pod never got through its init containers.
 */
export function endStatuses(pod: Pod, statuses: AllStatuses): AllStatuses {
  const { init, main, ephemeral } = statuses;
  const end = (status: ContainerStatus) => assumeEnded(pod, status);
  // Like upstream: the first init container counts as begun.
  const begun = Math.max(0, init.findLastIndex(hasStarted));
  return {
    init: init.map((status, index) => (index <= begun ? end(status) : status)),
    main: hasInitialized(pod, statuses) ? main.map(end) : main,
    ephemeral: ephemeral.map((status) => (status.state?.running ? end(status) : status)),
  };
}

function hasStarted({ state, lastState }: ContainerStatus): boolean {
  return state?.waiting === undefined || lastState?.terminated !== undefined;
}

/** status_manager.go hasPodInitialized */
function hasInitialized(pod: Pod, { init, main }: AllStatuses): boolean {
  const spec = initContainersOf(pod).at(-1);
  if (spec === undefined || main.some(hasStarted)) return true;
  const last = init.find(({ name }) => name === spec.name);
  if (isSidecar(spec)) return last?.state?.running !== undefined && last.started === true;
  return last?.state?.terminated?.exitCode === 0 || last?.lastState?.terminated?.exitCode === 0;
}
