import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isErrno, linuxMounter, mustRun, startProgram, unmountAside } from '@berth/linux';
import type { cri } from '@berth/protos';
import type { OciNamespace } from './oci-spec.ts';
import { identifyProcess, isAlive } from './process-id.ts';
import type { ProcessId, SandboxRecord } from './records.ts';
import type { RuntimeContext } from './runtime-context.ts';
import type { StateLayout } from './state-layout.ts';

type PauseContext = Pick<RuntimeContext, 'layout' | 'clock'>;
type Kind = 'net' | 'ipc' | 'uts' | 'pid';

/** The namespaces a sandbox has of its own; its containers join them by path. A host network comes with the host's UTS namespace. */
export function sandboxNamespaces(config: cri.PodSandboxConfig): readonly Kind[] {
  const options = config.linux?.securityContext?.namespaceOptions;
  const kinds: Kind[] = [];
  if (options?.network !== 'NODE') kinds.push('net', 'uts');
  if (options?.ipc !== 'NODE') kinds.push('ipc');
  if (options?.pid === 'POD') kinds.push('pid');
  return kinds;
}

/**
 * Pins the sandbox's network, UTS and IPC namespaces as files, with loopback up, in one cheap fork:
 * unshare(1) makes the bind mounts, so that no process has to stay in them.
 */
export async function pinNamespaces(layout: StateLayout, id: string, kinds: readonly Kind[]): Promise<void> {
  await mkdir(dirname(layout.namespace(id, 'net')), { recursive: true });
  await Promise.all(kinds.map((kind) => writeFile(layout.namespace(id, kind), '')));
  const pinned = kinds.filter((kind) => kind !== 'pid');
  if (pinned.length === 0) return;
  const program = kinds.includes('net') ? ['ip', 'link', 'set', 'lo', 'up'] : ['true'];
  await mustRun('unshare', [...pinned.map((kind) => `--${kind}=${layout.namespace(id, kind)}`), '--', ...program]);
}

/**
 * Starts the first process of a PID namespace that a sandbox's containers share, and pins the namespace.
 * It ignores SIGCHLD, so that the kernel reaps the orphans it inherits.
 */
export async function startPause({ layout, clock }: PauseContext, id: string): Promise<ProcessId> {
  const pin = layout.namespace(id, 'pid');
  const pause = ['env', '--ignore-signal=CHLD', 'sleep', 'infinity'];
  const program = await startProgram('unshare', [`--pid=${pin}`, '--fork', '--kill-child', '--', ...pause], {
    fds: [],
    ownSession: true,
  });
  program.unref();
  const parent = identifyProcess(program.pid);
  // unshare(1) binds the file after its child exists and tells nobody; a millisecond is the usual.
  while (isAlive(parent) && !isPinned(pin)) await clock.sleep(2);
  if (!parent || !isAlive(parent)) throw new Error('the process that holds the shared PID namespace ended at once');
  return parent;
}

/**
 * Whether containers can join the sandbox's namespaces: pins may have been unmounted, and the process that holds a shared
 * PID namespace killed, by others. containerd finds the same out by its network namespace and its pause process.
 */
export function canBeJoined(layout: StateLayout, { id, config, pause }: SandboxRecord): boolean {
  const pinned = sandboxNamespaces(config).every((kind) => isPinned(layout.namespace(id, kind)));
  return pinned && (!pause || isAlive(pause));
}

/** A pin that was unmounted is a plain file, which CNI plugins refuse. */
export function isPinned(path: string): boolean {
  return linuxMounter.isLocalMountPoint(path);
}

/** Removes the pins; the kernel frees a namespace with its last process. Idempotent. */
export async function unpinNamespaces(layout: StateLayout, id: string): Promise<void> {
  for (const kind of ['net', 'ipc', 'uts', 'pid'] as const) await unmountAll(layout.namespace(id, kind));
}

/** Unmounts everything stacked at `target`; what is not there or no mount is fine. */
export async function unmountAll(target: string): Promise<void> {
  try {
    while (true) await unmountAside(target, { lazy: true });
  } catch (error) {
    if (!isErrno(error, 'EINVAL', 'ENOENT', 'ENOTDIR')) throw error;
  }
}

/** What a container of the sandbox joins, besides mount and cgroup namespaces of its own. */
export function containerNamespaces(
  layout: StateLayout,
  sandboxId: string,
  sandbox: cri.PodSandboxConfig,
  pid: { readonly mode: cri.NamespaceMode; readonly targetPid?: number },
): OciNamespace[] {
  const kinds = sandboxNamespaces(sandbox);
  const names = { net: 'network', ipc: 'ipc', uts: 'uts', pid: 'pid' } as const;
  const joined = kinds
    .filter((kind) => kind !== 'pid')
    .map((kind): OciNamespace => ({ type: names[kind], path: layout.namespace(sandboxId, kind) }));
  const own: OciNamespace[] = [{ type: 'mount' }, { type: 'cgroup' }, ...joined];
  if (pid.mode === 'NODE') return own;
  if (pid.mode === 'POD') return [...own, { type: 'pid', path: layout.namespace(sandboxId, 'pid') }];
  if (pid.mode === 'TARGET') return [...own, { type: 'pid', path: `/proc/${pid.targetPid}/ns/pid` }];
  return [...own, { type: 'pid' }];
}
