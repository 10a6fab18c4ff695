import { startTask } from '@berth/kit';
import { type PersistentVolumeClaim, Quantity, resources } from '@berth/kube';
import type { ControllerDeps } from '../controller-deps.ts';
import { requestedStorage } from './binding-facts.ts';

/** Says on a bound claim that asks for more than it has who is waited for (kube-controller-manager, volume/expand). */
export function startExpandController(deps: ControllerDeps, signal: AbortSignal): AsyncDisposable {
  return startTask('volume-expand', (stop) => run(deps, stop), { log: deps.log, signal });
}

async function run(deps: ControllerDeps, signal: AbortSignal): Promise<void> {
  const events = deps.recorder('volume_expand');
  const claims = deps.informers.of(resources.persistentvolumeclaims);
  using _ = claims.onChange((_key, { before, after }) => {
    if (!before || !after || !wantsMore(after)) return;
    if (wantsMore(before) && requestedStorage(before).equals(requestedStorage(after))) return;
    const message = 'waiting for an external controller to expand this PVC';
    events.event(after, 'Normal', 'ExternalExpanding', message);
  });
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

function wantsMore(claim: PersistentVolumeClaim): boolean {
  const has = claim.status?.capacity?.['storage'];
  if (claim.status?.phase !== 'Bound' || has === undefined) return false;
  return requestedStorage(claim).compare(Quantity.parse(has)) > 0;
}
