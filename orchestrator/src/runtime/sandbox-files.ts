import { copyFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { cri } from '@berth/protos';
import type { StateLayout } from './state-layout.ts';

export interface SandboxFiles {
  readonly resolvConf: string;
  readonly hostname: string;
  readonly hosts: string;
}

export function sandboxFiles(layout: StateLayout, id: string): SandboxFiles {
  const at = (name: string) => join(layout.sandbox(id), name);
  return { resolvConf: at('resolv.conf'), hostname: at('hostname'), hosts: at('hosts') };
}

/** The name containers of the sandbox see: the node's own where they share its network. */
export function sandboxHostname(config: cri.PodSandboxConfig): string {
  if (config.linux?.securityContext?.namespaceOptions?.network === 'NODE') return hostname();
  return config.hostname || hostname();
}

/** Writes what the sandbox's containers see as /etc/resolv.conf, /etc/hostname and (where the kubelet mounts none) /etc/hosts. */
export async function writeSandboxFiles(layout: StateLayout, id: string, config: cri.PodSandboxConfig): Promise<void> {
  const files = sandboxFiles(layout, id);
  const dns = config.dnsConfig ? resolvConf(config.dnsConfig) : '';
  const mode = { mode: 0o644 };
  await Promise.all([
    writeFile(files.hostname, `${sandboxHostname(config)}\n`, mode),
    copyFile('/etc/hosts', files.hosts).catch(() => writeFile(files.hosts, '127.0.0.1\tlocalhost\n', mode)),
    dns === ''
      ? copyFile('/etc/resolv.conf', files.resolvConf).catch(() => writeFile(files.resolvConf, '', mode))
      : writeFile(files.resolvConf, dns, mode),
  ]);
}

export function resolvConf({ searches, servers, options }: cri.DNSConfig): string {
  const lines = [
    ...(searches.length > 0 ? [`search ${searches.join(' ')}`] : []),
    ...servers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  return lines.map((line) => `${line.replaceAll('\n', ' ')}\n`).join('');
}
