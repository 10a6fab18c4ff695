import type { LifecycleHandler, Probe } from '@berth/kube';
import {
  type AnyContainer,
  type Check,
  type CheckPod,
  containersOf,
  distinct,
  named,
  namesWhere,
  plural,
  quoted,
  settersOf,
} from './check.ts';
import { seccompBaseline } from './seccomp-checks.ts';
import { appArmorProfile, seLinuxOptions } from './security-module-checks.ts';

const capabilities = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

const capabilitiesCheck: CheckPod = (pod) => {
  const foreign = ({ securityContext }: AnyContainer) =>
    (securityContext?.capabilities?.add ?? []).filter((name) => !capabilities.has(name));
  const bad = namesWhere(pod, (container) => foreign(container).length > 0);
  if (bad.length === 0) return undefined;
  const list = quoted(distinct(containersOf(pod).flatMap(foreign)));
  const detail = `${named('container', bad)} must not include ${list} in securityContext.capabilities.add`;
  return { reason: 'non-default capabilities', detail };
};

const hostNamespaces: CheckPod = ({ spec }) => {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => spec[field] === true);
  if (used.length === 0) return undefined;
  return { reason: 'host namespaces', detail: used.map((field) => `${field}=true`).join(', ') };
};

const hostPathVolumes: CheckPod = ({ spec }) => {
  const bad = (spec.volumes ?? []).flatMap(({ name, hostPath }) => (hostPath ? [name] : []));
  return bad.length === 0 ? undefined : { reason: 'hostPath volumes', detail: named('volume', bad) };
};

const hostPorts: CheckPod = (pod) => {
  const portsOf = ({ ports }: AnyContainer) => (ports ?? []).flatMap(({ hostPort }) => (hostPort ? [hostPort] : []));
  const bad = namesWhere(pod, (container) => portsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const ports = distinct(containersOf(pod).flatMap(portsOf).map(String));
  return { reason: 'hostPort', detail: `${users(bad)} ${plural('hostPort', ports)} ${ports.join(', ')}` };
};

const probeHosts: CheckPod = (pod) => {
  const hostsOf = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: AnyContainer) =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap(handlerHosts);
  const bad = distinct(namesWhere(pod, (container) => hostsOf(container).length > 0));
  if (bad.length === 0) return undefined;
  const hosts = distinct(containersOf(pod).flatMap(hostsOf));
  const reason = 'probe or lifecycle host';
  return { reason, detail: `${users(bad)} ${plural(reason, hosts)} ${quoted(hosts)}` };
};

function handlerHosts(handler: Probe | LifecycleHandler | undefined): string[] {
  return [handler?.httpGet?.host, handler?.tcpSocket?.host].filter(
    (host) => host !== undefined && host !== '',
  ) as string[];
}

/** `container "c" uses`, `containers "a", "b" use` */
function users(names: readonly string[]): string {
  return `${named('container', names)} ${names.length === 1 ? 'uses' : 'use'}`;
}

const privileged: CheckPod = (pod) => {
  const bad = namesWhere(pod, ({ securityContext }) => securityContext?.privileged === true);
  if (bad.length === 0) return undefined;
  return {
    reason: 'privileged',
    detail: `${named('container', bad)} must not set securityContext.privileged=true`,
  };
};

/** Also what the restricted level keeps for pods in a user namespace of their own. */
export const procMount: CheckPod = (pod) => {
  const kinds = ({ securityContext }: AnyContainer) =>
    securityContext?.procMount !== undefined && securityContext.procMount !== 'Default'
      ? [securityContext.procMount]
      : [];
  const bad = namesWhere(pod, (container) => kinds(container).length > 0);
  if (bad.length === 0) return undefined;
  const list = quoted(distinct(containersOf(pod).flatMap(kinds)));
  return {
    reason: 'procMount',
    detail: `${named('container', bad)} must not set securityContext.procMount to ${list}`,
  };
};

const sysctlsBySince: readonly (readonly [since: number, names: readonly string[]])[] = [
  [
    0,
    [
      'kernel.shm_rmid_forced',
      'net.ipv4.ip_local_port_range',
      'net.ipv4.tcp_syncookies',
      'net.ipv4.ping_group_range',
      'net.ipv4.ip_unprivileged_port_start',
    ],
  ],
  [27, ['net.ipv4.ip_local_reserved_ports']],
  [
    29,
    [
      'net.ipv4.tcp_keepalive_time',
      'net.ipv4.tcp_fin_timeout',
      'net.ipv4.tcp_keepalive_intvl',
      'net.ipv4.tcp_keepalive_probes',
    ],
  ],
  [32, ['net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem']],
];

function sysctls(minor: number): CheckPod {
  const safe = new Set(sysctlsBySince.flatMap(([since, names]) => (since <= minor ? names : [])));
  return ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? []).flatMap(({ name }) => (safe.has(name) ? [] : [name]));
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
  };
}

const windowsHostProcess: CheckPod = (pod) => {
  const setters = settersOf(
    pod.spec.securityContext?.windowsOptions?.hostProcess === true,
    namesWhere(pod, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true),
  );
  if (setters === '') return undefined;
  return { reason: 'hostProcess', detail: `${setters} must not set securityContext.windowsOptions.hostProcess=true` };
};

/** The baseline level, in the order its violations are told in (by id). */
export const baselineChecks: readonly Check[] = [
  appArmorProfile,
  { id: 'capabilities_baseline', versions: [{ since: 0, check: capabilitiesCheck }] },
  { id: 'hostNamespaces', versions: [{ since: 0, check: hostNamespaces }] },
  { id: 'hostPathVolumes', versions: [{ since: 0, check: hostPathVolumes }] },
  { id: 'hostPorts', versions: [{ since: 0, check: hostPorts }] },
  { id: 'hostProbesAndHostLifecycle', versions: [{ since: 34, check: probeHosts }] },
  { id: 'privileged', versions: [{ since: 0, check: privileged }] },
  {
    id: 'procMount',
    versions: [
      { since: 0, check: procMount },
      { since: 35, check: (pod) => (pod.spec.hostUsers === false ? undefined : procMount(pod)) },
    ],
  },
  seLinuxOptions,
  seccompBaseline,
  { id: 'sysctls', versions: sysctlsBySince.map(([since]) => ({ since, check: sysctls(since) })) },
  { id: 'windowsHostProcess', versions: [{ since: 0, check: windowsHostProcess }] },
];
