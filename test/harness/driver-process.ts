import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import {
  csiController,
  csiGroupController,
  csiIdentity,
  csiNode,
  csiSnapshotMetadata,
  GrpcConnection,
} from '@berth/protos';
import { disown, own } from './owned-directory.ts';

const built = process.env['BERTH_DIST'];
/** The program as it was built, where a build is named (the whole suite names one: it starts three times as fast); else from its sources. */
export const driverProgram = built
  ? join(built, 'csi-driver.js')
  : join(import.meta.dirname, '../../csi-driver/src/main.ts');

export interface DriverProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly connection: GrpcConnection;
  readonly identity: ReturnType<typeof services>['identity'];
  readonly controller: ReturnType<typeof services>['controller'];
  readonly node: ReturnType<typeof services>['node'];
  readonly groups: ReturnType<typeof services>['groups'];
  readonly metadata: ReturnType<typeof services>['metadata'];
  /** What it wrote to stderr so far. */
  log(): string;
  /** Ends it as a crash would. */
  kill(): Promise<void>;
}

/** A folder for one driver: its pool, socket and mounts. Disposing unmounts what is left below and removes it. */
export function driverFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'berth-driver-'));
  own(folder);
  return {
    folder,
    endpoint: `unix://${folder}/csi.sock`,
    mounts: () => linuxMounter.mounts().filter((mount) => mount.mountPoint.startsWith(`${folder}/`)),
    [Symbol.dispose]() {
      for (const { mountPoint } of this.mounts().toReversed()) linuxMounter.unmount(mountPoint, { lazy: true });
      rmSync(folder, { recursive: true, force: true });
      disown(folder);
    },
  };
}

/** Runs the real program to its end, as `csi-driver recover`. */
export function runDriver(...args: readonly string[]): { code: number | null; stdout: string; stderr: string } {
  const command = ['--disable-warning=ExperimentalWarning', driverProgram, ...args];
  const { status: code, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
  return { code, stdout, stderr };
}

/** Starts the real program and waits until it answers. It dies with the test process. */
export async function startDriverProcess(
  folder: string,
  flags: readonly string[] = [],
  endpoint = `unix://${folder}/csi.sock`,
): Promise<DriverProcess> {
  return await startProgram(folder, {
    flags,
    endpoint,
    node: ['--disable-warning=ExperimentalWarning', driverProgram],
  });
}

export interface ProgramOptions {
  /** Arguments of node: its own flags and the program. */
  readonly node: readonly string[];
  readonly flags?: readonly string[];
  readonly endpoint?: string;
}

/** The same for another build of the program. */
export async function startProgram(folder: string, options: ProgramOptions): Promise<DriverProcess> {
  const { node, flags = [], endpoint = `unix://${folder}/csi.sock` } = options;
  const pool = flags.includes('--pool') ? [] : ['--pool', join(folder, 'pool')];
  const always = ['--endpoint', endpoint, '--node-id', 'n1', ...pool, '--until-stdin-closes'];
  const child = spawn(process.execPath, [...node, ...always, ...flags], { stdio: ['pipe', 'ignore', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const exited = once(child, 'exit');
  const isOver = () => child.exitCode !== null || child.signalCode !== null;
  await Promise.race([waitFor(() => log.includes('serving') || isOver()), exited]);
  if (child.exitCode !== null) {
    // What it told may come behind its end.
    if (!child.stderr.readableEnded) await once(child.stderr, 'end');
    throw new Error(`csi-driver exited with ${child.exitCode}: ${log}`);
  }
  const connection = new GrpcConnection(endpoint);
  const stop = async (signal: NodeJS.Signals) => {
    connection[Symbol.dispose]();
    child.kill(signal);
    await exited;
  };
  return {
    child,
    connection,
    ...services(connection),
    log: () => log,
    kill: () => stop('SIGKILL'),
    [Symbol.asyncDispose]: () => (isOver() ? Promise.resolve() : stop('SIGTERM')),
  };
}

function services(connection: GrpcConnection) {
  return {
    identity: connection.service(csiIdentity),
    controller: connection.service(csiController),
    node: connection.service(csiNode),
    groups: connection.service(csiGroupController),
    metadata: connection.service(csiSnapshotMetadata),
  };
}

async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
