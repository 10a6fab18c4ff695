export declare function aptInstall(
  names: readonly string[],
  run: (args: readonly string[]) => void,
  pause?: (what: string, seconds: number) => void,
): void;
