import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf } from '@berth/kit';
import { type cri, grpcError } from '@berth/protos';
import { boundingCapabilities } from './capabilities.ts';
import { cgroupProcesses, removeCgroup } from './cgroups.ts';
import { createUnderConmon } from './conmon.ts';
import { permittedOomScoreAdj } from './container-resources.ts';
import { mountRootfs } from './container-rootfs.ts';
import { containerSpec } from './container-spec.ts';
import { type ContainerUser, containerUser } from './container-user.ts';
import type { ResolvedImage } from './image-source.ts';
import { killUntilGone, processesNaming } from './processes-naming.ts';
import { type ContainerRecord, type SandboxRecord, writeContainer } from './records.ts';
import type { RuntimeContext } from './runtime-context.ts';
import { sandboxFiles, sandboxHostname } from './sandbox-files.ts';
import { containerNamespaces, unmountAll } from './sandbox-namespaces.ts';
import { killQuietly } from './sandboxes.ts';

const killPatienceMs = 2000;

export interface ContainerPlan {
  readonly record: ContainerRecord;
  readonly config: cri.ContainerConfig;
  readonly sandbox: SandboxRecord;
  readonly image: ResolvedImage;
  /** Of the container whose PID namespace is joined. */
  readonly targetPid?: number;
}

/** Makes what `plan` describes: record, root filesystem, bundle, and the waiting first process under conmon. */
export async function createContainer(context: RuntimeContext, plan: ContainerPlan): Promise<ContainerRecord> {
  const { layout } = context;
  const { record, image } = plan;
  const bundle = layout.container(record.id);
  await mkdir(bundle, { recursive: true, mode: 0o711 });
  await writeContainer(bundle, record);
  const rootfs = await mountRootfs(layout, record.id, image);
  const security = plan.config.linux?.securityContext ?? null;
  const user = await containerUser(rootfs, image.config.User ?? '', security);
  const spec = await specOf(context, plan, { rootfs, user });
  await Promise.all([
    writeFile(join(bundle, 'config.json'), JSON.stringify(spec), { mode: 0o600 }),
    prepareLog(record.logPath),
  ]);
  const processes = await launch(context, plan);
  const { uid, gid, groups } = user;
  const created: ContainerRecord = {
    ...record,
    state: 'created',
    user: { uid, gid, groups },
    process: processes.container,
    ...(processes.conmon && { conmon: processes.conmon }),
  };
  await writeContainer(bundle, created);
  return created;
}

function specOf(context: RuntimeContext, plan: ContainerPlan, facts: { rootfs: string; user: ContainerUser }) {
  const { layout, cgroups } = context;
  const { record, config, sandbox, image } = plan;
  const namespaces = config.linux?.securityContext?.namespaceOptions;
  const mode = namespaces?.pid ?? 'CONTAINER';
  return containerSpec({
    ...facts,
    config,
    sandbox: sandbox.config,
    image: image.config,
    hostname: sandboxHostname(sandbox.config),
    namespaces: containerNamespaces(layout, sandbox.id, sandbox.config, {
      mode,
      ...(plan.targetPid !== undefined && { targetPid: plan.targetPid }),
    }),
    files: sandboxFiles(layout, sandbox.id),
    shm: layout.shm(sandbox.id),
    hostIpc: sandbox.config.linux?.securityContext?.namespaceOptions?.ipc === 'NODE',
    cgroupPath: record.cgroupPath,
    cgroupVersion: cgroups.version,
    available: boundingCapabilities(),
    oomScoreAdj: permittedOomScoreAdj(Number(config.linux?.resources?.oomScoreAdj ?? 0)),
  });
}

async function launch(
  { layout, programs, oci, survivorCgroups, clock }: RuntimeContext,
  { record, config }: ContainerPlan,
) {
  try {
    return await createUnderConmon({
      conmon: programs.conmon,
      oci,
      id: record.id,
      name: config.metadata?.name ?? record.id,
      bundle: layout.container(record.id),
      exits: layout.exits,
      logPath: record.logPath,
      terminal: config.tty,
      stdin: config.stdin,
      stdinOnce: config.stdinOnce,
      cgroups: survivorCgroups,
      clock,
    });
  } catch (error) {
    throw grpcError('UNKNOWN', messageOf(error), { cause: error });
  }
}

/** The log exists from creation on, so that following it never races with the first line. */
async function prepareLog(path: string): Promise<void> {
  if (path === '') return;
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'a', 0o640);
  await file.close();
}

/** Removes all that a container left on the machine, however far it came; the record goes last. Idempotent. */
export async function undoContainer(
  { layout, oci, cgroups, clock }: RuntimeContext,
  id: string,
  record: ContainerRecord | undefined,
): Promise<void> {
  const bundle = layout.container(id);
  // Monitor and OCI runtime may still be making it, whatever became of the process that asked them to.
  if (record?.state !== 'exited') await killUntilGone(clock, killPatienceMs, () => processesNaming(id));
  await oci.delete(id);
  if (record) for (const pid of await cgroupProcesses(cgroups, record.cgroupPath)) killQuietly(pid);
  if (record) await removeCgroup(cgroups, record.cgroupPath);
  await unmountAll(layout.rootfs(id));
  await rm(layout.exit(id), { force: true });
  // The log of what never ran would count as that of an attempt (kubelet calcRestartCountByLogDir).
  if (record && record.startedAtMs === undefined && record.logPath !== '') await rm(record.logPath, { force: true });
  await rm(bundle, { recursive: true, force: true });
}
