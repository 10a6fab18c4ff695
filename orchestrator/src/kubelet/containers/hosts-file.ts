import type { HostAlias, Pod } from '@berth/kube';

export interface HostsFileInput {
  readonly pod: Pod;
  readonly podIps: readonly string[];
  readonly hostname: string;
  readonly clusterDomain: string;
  /** /etc/hosts of the node, the start of a host-network pod's file. */
  readonly nodeHosts: string;
}

/** The /etc/hosts a kubelet manages for a pod (kubelet_pods.go managedHostsFileContent). */
export function hostsFile({ pod, podIps, hostname, clusterDomain, nodeHosts }: HostsFileInput): string {
  const aliases = hostAliases(pod.spec?.hostAliases ?? []);
  if (pod.spec?.hostNetwork) {
    return `# Kubernetes-managed hosts file (host network).\n${nodeHosts}${aliases}`;
  }
  const subdomain = pod.spec?.subdomain;
  const full = subdomain
    ? `${hostname}.${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}\t${hostname}`
    : hostname;
  const fixed = [
    '# Kubernetes-managed hosts file.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
  ];
  return `${[...fixed, ...podIps.map((ip) => `${ip}\t${full}`)].join('\n')}\n${aliases}`;
}

function hostAliases(aliases: readonly HostAlias[]): string {
  if (aliases.length === 0) return '';
  const lines = aliases.map(({ ip, hostnames = [] }) => `${ip}\t${hostnames.join('\t')}`);
  return `\n# Entries added by HostAliases.\n${lines.join('\n')}\n`;
}

/** A pod's hostname: at most 63 characters, without what may not end a name (kubelet truncatePodHostnameIfNeeded). */
export function podHostname(pod: Pod, nodeHostname: string): string {
  if (pod.spec?.hostNetwork) return nodeHostname;
  const wanted = pod.spec?.hostname || (pod.metadata.name ?? '');
  return wanted.slice(0, 63).replace(/[-.]+$/, '');
}
