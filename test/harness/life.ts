import type { DriverProcess } from './driver-process.ts';
import type { LifeKind } from './life-kinds.ts';

export type LifeClients = Pick<DriverProcess, 'controller' | 'node' | 'groups'>;

/** One call of a life; it may be made again at any time until it has succeeded. What it gives, if a function, is for then. */
export interface LifeStep {
  readonly what: string;
  run(clients: LifeClients): Promise<unknown>;
}

/** The calls of volumes from their making to their end, and what of it a driver has answered. */
export interface Life {
  readonly steps: readonly LifeStep[];
  /** Volumes and snapshots whose creation was answered, and whose deletion was not. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** Every id that was ever answered. */
  readonly ids: ReadonlySet<string>;
  /** What is left of it elsewhere than in the pool: nothing in the end. */
  left?(): readonly string[];
  /** What is elsewhere of things that are none of these: nobody would ever ask for it again. */
  strays?(listed: ReadonlySet<string>): readonly string[];
}

export interface LifeOptions {
  readonly kind: LifeKind;
  /** For staging and target paths. */
  readonly folder: string;
  /** Tells one life's names from another's on the same pool. */
  readonly name: string;
  /** Runs what the test itself does with files, unseen by what watches system calls. */
  readonly quietly?: <T>(work: () => T) => T;
  /** Of one volume, without a snapshot or copy. */
  readonly isShort?: boolean;
}
