import { type cri, grpcError } from '@berth/protos';
import { containerCapabilities } from './capabilities.ts';
import { containerDevices } from './container-devices.ts';
import { type ContainerMountsOptions, containerMounts, rootfsPropagation } from './container-mounts.ts';
import { ociResources } from './container-resources.ts';
import type { ContainerUser } from './container-user.ts';
import type { ImageRunConfig } from './image-source.ts';
import type { OciLinux, OciNamespace, OciProcess, OciSpec } from './oci-spec.ts';
import { defaultSeccompProfile } from './seccomp-profile.ts';

export interface ContainerSpecOptions extends ContainerMountsOptions {
  readonly sandbox: cri.PodSandboxConfig;
  readonly image: ImageRunConfig;
  readonly user: ContainerUser;
  readonly rootfs: string;
  readonly hostname: string;
  readonly namespaces: readonly OciNamespace[];
  readonly cgroupPath: string;
  readonly cgroupVersion: 1 | 2;
  readonly available: ReadonlySet<string>;
  readonly oomScoreAdj: number;
}

/** config.json of a container's bundle: what the kubelet asked, over what the image says, over CRI runtimes' defaults. */
export async function containerSpec(options: ContainerSpecOptions): Promise<OciSpec> {
  const { config, sandbox, rootfs, namespaces, hostname } = options;
  const ownUts = namespaces.some(({ type }) => type === 'uts');
  return {
    ociVersion: '1.0.2',
    root: { path: rootfs, readonly: config.linux?.securityContext?.readonlyRootfs ?? false },
    ...(ownUts && { hostname }),
    process: specProcess(options),
    mounts: await containerMounts(options),
    annotations: {
      'io.kubernetes.cri.container-name': config.metadata?.name ?? '',
      'io.kubernetes.cri.sandbox-name': sandbox.metadata?.name ?? '',
      'io.kubernetes.cri.sandbox-namespace': sandbox.metadata?.namespace ?? '',
    },
    linux: specLinux(options),
  };
}

/** @throws GrpcError INVALID_ARGUMENT – neither the config nor the image says what to run. */
function containerArgs(config: cri.ContainerConfig, image: ImageRunConfig): string[] {
  const command = config.command.length > 0 ? config.command : (image.Entrypoint ?? []);
  // As in Docker: a command of one's own makes the image's Cmd, which were the entrypoint's arguments, void.
  const imageArgs = config.command.length > 0 ? [] : (image.Cmd ?? []);
  const args = [...command, ...(config.args.length > 0 ? config.args : imageArgs)];
  if (args.length === 0) throw grpcError('INVALID_ARGUMENT', 'no command specified');
  return args;
}

function containerEnv(
  config: Pick<cri.ContainerConfig, 'envs' | 'tty'>,
  image: ImageRunConfig,
  facts: { readonly hostname: string; readonly home: string },
): string[] {
  const env = new Map([
    ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ['HOSTNAME', facts.hostname],
    ['HOME', facts.home],
  ]);
  if (config.tty) env.set('TERM', 'xterm');
  for (const line of image.Env ?? []) {
    const [key = '', ...value] = line.split('=');
    if (key !== '') env.set(key, value.join('='));
  }
  for (const { key, value } of config.envs) env.set(key, Buffer.from(value).toString());
  return [...env].map(([key, value]) => `${key}=${value}`);
}

function specProcess({ config, image, user, hostname, available, oomScoreAdj }: ContainerSpecOptions): OciProcess {
  const security = config.linux?.securityContext;
  const capabilities = containerCapabilities(security?.capabilities ?? null, security?.privileged ?? false, available);
  const ambient = (security?.capabilities?.addAmbientCapabilities ?? [])
    .map((name) => (name.startsWith('CAP_') ? name : `CAP_${name}`))
    .filter((name) => capabilities.includes(name));
  return {
    terminal: config.tty,
    user: { uid: user.uid, gid: user.gid, additionalGids: user.groups },
    args: containerArgs(config, image),
    env: containerEnv(config, image, { hostname, home: user.home }),
    cwd: config.workingDir || image.WorkingDir || '/',
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
      inheritable: ambient,
      ambient,
    },
    noNewPrivileges: security?.noNewPrivs ?? false,
    oomScoreAdj,
  };
}

function specLinux(options: ContainerSpecOptions): OciLinux {
  const { config, sandbox, cgroupPath, cgroupVersion, available } = options;
  const security = config.linux?.securityContext;
  const privileged = security?.privileged ?? false;
  const { devices, rules } = containerDevices(config.devices, privileged);
  const capabilities = containerCapabilities(security?.capabilities ?? null, privileged, available);
  const confined = !privileged && security?.seccomp?.profileType === 'RuntimeDefault';
  if (security?.seccomp?.profileType === 'Localhost' && !privileged) {
    throw grpcError(
      'INVALID_ARGUMENT',
      `seccomp profile "${security.seccomp.localhostRef}": Localhost profiles are not supported`,
    );
  }
  return {
    namespaces: options.namespaces,
    cgroupsPath: cgroupPath,
    resources: { ...ociResources(config.linux?.resources ?? null, cgroupVersion), devices: rules },
    devices,
    sysctl: sandbox.linux?.sysctls ?? {},
    maskedPaths: privileged ? [] : (security?.maskedPaths ?? []),
    readonlyPaths: privileged ? [] : (security?.readonlyPaths ?? []),
    rootfsPropagation: rootfsPropagation(config.mounts),
    ...(confined && { seccomp: defaultSeccompProfile(capabilities) }),
  };
}
