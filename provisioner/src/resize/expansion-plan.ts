import { type PersistentVolume, type PersistentVolumeClaim, Quantity } from '@berth/kube';

export interface ExpansionFacts {
  readonly claim: PersistentVolumeClaim;
  readonly volume: PersistentVolume;
  /** The last call to the driver surely failed, so a smaller size may be asked for now. */
  readonly failedForSure: boolean;
  /** The driver has ControllerExpandVolume, not just the node's part. */
  readonly controllerExpands: boolean;
}

export interface ExpansionPlan {
  readonly size: Quantity;
  /** The claim already records this very attempt: its status stays as it is. */
  readonly resumes: boolean;
}

/**
 * To which size a claim's volume is to be expanded by the controller now; nothing where that is the node's turn.
 * An expansion under way is finished before a newer size is begun (KEP-1790; external-resizer expandAndRecover).
 */
export function planExpansion(facts: ExpansionFacts): ExpansionPlan | undefined {
  const allocated = storageOf(facts.claim.status?.allocatedResources);
  const size = sizeToAsk(facts, allocated);
  return size && { size, resumes: allocated?.equals(size) ?? false };
}

function sizeToAsk(facts: ExpansionFacts, allocated: Quantity | undefined): Quantity | undefined {
  const wanted = storageOf(facts.claim.spec?.resources?.requests) ?? Quantity.of(0);
  const has = storageOf(facts.volume.spec?.capacity) ?? Quantity.of(0);
  const recorded = allocated ?? wanted;
  const status = expansionStatus(facts.claim);
  if (has.compare(wanted) >= 0) {
    // The volume has grown; what may be missing is that the claim says so, or that the node may try again.
    if (status === 'NodeResizePending' || status === 'NodeResizeInProgress') return undefined;
    return status === 'NodeResizeInfeasible' && !facts.controllerExpands ? wanted : recorded;
  }
  switch (status) {
    case 'NodeResizePending':
    case 'NodeResizeInProgress':
      return has.compare(recorded) >= 0 ? undefined : recorded;
    case 'NodeResizeInfeasible':
      return recorded;
    case 'ControllerResizeInProgress':
      return facts.failedForSure ? wanted : recorded;
    default:
      return wanted;
  }
}

/** The claim is bound and asks for more than it has. */
export function wantsExpansion({ spec, status }: PersistentVolumeClaim): boolean {
  if (status?.phase !== 'Bound' || !spec?.volumeName) return false;
  const [wanted, has] = [storageOf(spec.resources?.requests), storageOf(status.capacity)];
  return wanted !== undefined && wanted.compare(has ?? Quantity.of(0)) > 0;
}

export function expansionStatus({ status }: PersistentVolumeClaim): string | undefined {
  return status?.allocatedResourceStatuses?.['storage'];
}

export function storageOf(amounts: Readonly<Record<string, string | number>> | undefined): Quantity | undefined {
  const amount = amounts?.['storage'];
  return amount === undefined ? undefined : Quantity.parse(String(amount));
}
