import type { Pod } from '@berth/kube';
import type { cri, Init } from '@berth/protos';

export interface ClusterDns {
  readonly servers: readonly string[];
  readonly domain: string;
  /** The node's own /etc/resolv.conf. */
  readonly host: string;
}

interface ResolverConfig {
  servers: string[];
  searches: string[];
  options: string[];
}

/** resolv.conf(5)'s limits as kubelet enforces them (kubelet/network/dns). */
const maxServers = 3;
const maxSearches = 32;

/** The resolver of a pod by dnsPolicy and dnsConfig (kubelet/network/dns GetPodDNS). */
export function podDns(pod: Pod, cluster: ClusterDns): Init<cri.DNSConfig> {
  const host = parseResolvConf(cluster.host);
  const merged = mergeCustom(pod, base(pod, cluster, host));
  return {
    servers: merged.servers.slice(0, maxServers),
    searches: merged.searches.slice(0, maxSearches),
    options: merged.options,
  };
}

function base(pod: Pod, cluster: ClusterDns, host: ResolverConfig): ResolverConfig {
  const policy = pod.spec?.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const usesHost = policy === 'Default' || (policy === 'ClusterFirst' && (pod.spec?.hostNetwork ?? false));
  if (usesHost || cluster.servers.length === 0) return host;
  const namespace = pod.metadata.namespace ?? 'default';
  const own = [`${namespace}.svc.${cluster.domain}`, `svc.${cluster.domain}`, cluster.domain];
  return {
    servers: [...cluster.servers],
    searches: [...new Set([...own, ...host.searches])],
    options: ['ndots:5'],
  };
}

function mergeCustom(pod: Pod, { servers, searches, options }: ResolverConfig): ResolverConfig {
  const custom = pod.spec?.dnsConfig;
  if (!custom) return { servers, searches, options };
  const named = new Map(options.map((option) => [option.split(':')[0] as string, option]));
  for (const { name, value } of custom.options ?? []) {
    if (name) named.set(name, value === undefined ? name : `${name}:${value}`);
  }
  return {
    servers: [...new Set([...servers, ...(custom.nameservers ?? [])])],
    searches: [...new Set([...searches, ...(custom.searches ?? [])])],
    options: [...named.values()],
  };
}

function parseResolvConf(text: string): ResolverConfig {
  const config: ResolverConfig = { servers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    if (keyword === 'nameserver' && values[0]) config.servers.push(values[0]);
    // The last search line wins (resolv.conf(5)).
    if (keyword === 'search') config.searches = values.filter((value) => value !== '.');
    if (keyword === 'options') config.options = values;
  }
  return config;
}
