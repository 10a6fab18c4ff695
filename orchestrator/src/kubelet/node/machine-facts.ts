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
