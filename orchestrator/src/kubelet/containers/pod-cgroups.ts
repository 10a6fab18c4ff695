/** CPU and memory of a pod's cgroup; absent ones are not limited. */
export interface CgroupLimits {
  readonly cpuShares: number;
  readonly cpuQuotaUs?: number;
  readonly cpuPeriodUs?: number;
  readonly memoryBytes?: number;
}

/** The cgroups of a node's pods, by path below the cgroup file system's root. */
export interface PodCgroups {
  /** Creates the cgroup and its parents, and sets its limits. Idempotent. */
  ensure(path: string, limits: CgroupLimits): Promise<void>;
  /** Removes the cgroup and what is below it. Idempotent. @throws Error – processes live in it. */
  remove(path: string): Promise<void>;
  /** Names of the cgroups directly below `path`; none where it does not exist. */
  children(path: string): Promise<readonly string[]>;
}
