export interface PodNetworkOptions {
  /** The IPv4 range of this runtime's pods, e.g. `10.85.0.0/24`; its first address is the gateway. No two runtimes share one. */
  readonly subnet: string;
  /** Addresses reached without masquerading besides `subnet`, e.g. the range all nodes' subnets are cut from. */
  readonly clusterCidr?: string;
}
