/** What a node reports of its machine (`Node.status.nodeInfo` and capacity). */
export interface MachineFacts {
  readonly hostname: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  /** As Go names them: `amd64`, `arm64`. */
  readonly architecture: string;
}

export interface MachineResources {
  readonly cpu: string;
  readonly memory: string;
  readonly 'ephemeral-storage': string;
}

/** What a node has, all of it for pods, as quantities: the limits of a container that sets none, too. */
export function machineResources({ cpus, memoryBytes, ephemeralStorageBytes }: MachineFacts): MachineResources {
  return {
    cpu: String(cpus),
    memory: `${Math.floor(memoryBytes / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor(ephemeralStorageBytes / 1024)}Ki`,
  };
}
