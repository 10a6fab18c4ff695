import { isReason } from '@berth/kube';
import type { ResourceDefinition } from '../resource-definition.ts';

type Task = () => Promise<void>;

/** What is to be done when it is known what became of a write. */
export class Settlement {
  readonly #stored: Task[] = [];
  readonly #failed: Task[] = [];

  /** `task` does not throw. */
  onStored(task: Task): void {
    this.#stored.push(task);
  }

  /** Nothing was written. `task` does not throw. */
  onFailed(task: Task): void {
    this.#failed.push(task);
  }

  async stored(): Promise<void> {
    for (const task of this.#stored) await task();
  }

  async failed(): Promise<void> {
    for (const task of this.#failed) await task();
  }
}

/**
 * Tells those who admitted a write what became of it (apiserver Store's FinishFunc); undefined: nothing was written, as
 * another writer was first. Of a write whose outcome nobody knows nothing is told: what was taken for it is looked at later.
 */
export function settling<T>(
  { rules }: ResourceDefinition,
  write: (settlement: Settlement | undefined) => Promise<T>,
): Promise<T> {
  return rules.takesShared ? settle(write) : write(undefined);
}

async function settle<T>(write: (settlement: Settlement) => Promise<T>): Promise<T> {
  const settlement = new Settlement();
  let written: T;
  try {
    written = await write(settlement);
  } catch (error) {
    if (!isReason(error, 'Timeout')) await settlement.failed();
    throw error;
  }
  await (written === undefined ? settlement.failed() : settlement.stored());
  return written;
}
