export interface UnmountedVolumes {
  readonly unmounted: readonly string[];
  readonly unattached: readonly string[];
  /** Those that could not even be resolved, with what stands in the way. */
  readonly problems: ReadonlyMap<string, string>;
}

/** What kubelet says of a pod whose volumes are not mounted at its deadline (volume_manager.go WaitForAttachAndMount). */
export function unmountedMessage({ unmounted, unattached, problems }: UnmountedVolumes): string {
  const list = (names: Iterable<string>) => `[${[...names].sort().join(' ')}]`;
  const why = problems.size > 0 ? [...problems.values()].join('; ') : 'context deadline exceeded';
  return `unmounted volumes=${list(unmounted)}, unattached volumes=${list(unattached)}, failed to process volumes=${list(problems.keys())}: ${why}`;
}
