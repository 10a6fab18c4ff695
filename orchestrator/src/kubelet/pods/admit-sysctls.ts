import { ownMember } from '@berth/kit';
import type { Pod } from '@berth/kube';
import type { PodVerdict } from '../status/pod-status.ts';

/** Namespaced by the kernel, and of no influence on other pods (pkg/kubelet/sysctl safe_sysctls.go): what a pod may set. */
const safe: Readonly<Record<string, 'IPC' | 'Net'>> = {
  'kernel.shm_rmid_forced': 'IPC',
  'net.ipv4.ip_local_port_range': 'Net',
  'net.ipv4.tcp_syncookies': 'Net',
  'net.ipv4.ping_group_range': 'Net',
  'net.ipv4.ip_unprivileged_port_start': 'Net',
  'net.ipv4.ip_local_reserved_ports': 'Net',
  'net.ipv4.tcp_keepalive_time': 'Net',
  'net.ipv4.tcp_fin_timeout': 'Net',
  'net.ipv4.tcp_keepalive_intvl': 'Net',
  'net.ipv4.tcp_keepalive_probes': 'Net',
  'net.ipv4.tcp_rmem': 'Net',
  'net.ipv4.tcp_wmem': 'Net',
};

/** Refuses a pod that sets what may change the node, or what it shares with it (pkg/kubelet/sysctl allowlist.go). */
export function admitSysctls({ spec }: Pod): PodVerdict | undefined {
  for (const { name } of spec?.securityContext?.sysctls ?? []) {
    const sysctl = dotted(name);
    const namespace = ownMember(safe, sysctl);
    if (!namespace) return forbidden(`"${sysctl}" not allowlisted`);
    if (namespace === 'IPC' ? spec?.hostIPC : spec?.hostNetwork)
      return forbidden(`"${sysctl}" not allowed with host ${namespace} enabled`);
  }
  return undefined;
}

function forbidden(why: string): PodVerdict {
  return { reason: 'SysctlForbidden', message: `Pod was rejected: forbidden sysctl: ${why}`, rejected: true };
}

/** A sysctl's form with dots between its parts; one whose first separator is a slash has the two exchanged (sysctl.conf(5)). */
export function dotted(name: string): string {
  return /^[^./]*\//.test(name) ? name.replaceAll(/[./]/g, (each) => (each === '.' ? '/' : '.')) : name;
}
