import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename } from 'node:path';

/** What a container of a manifest under deploy/ says, as far as it is run here. */
export interface ManifestContainer {
  readonly name: string;
  readonly image: string;
  readonly args: readonly string[];
  readonly env?: readonly { readonly name: string; readonly valueFrom: { readonly fieldRef: { fieldPath: string } } }[];
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface ManifestPod {
  readonly containers: readonly ManifestContainer[];
  readonly volumes: readonly {
    readonly name: string;
    readonly hostPath?: { readonly path: string };
    readonly emptyDir?: object;
  }[];
}

export interface ContainerPlace {
  readonly pod: ManifestPod;
  /** What `fieldRef`s are, by their paths. */
  readonly fields: Readonly<Record<string, string>>;
  /** Where a path of the node is here. */
  readonly hostPath: (path: string) => string;
}

/** The program's own name: the container's image without registry and version. */
export function programOf({ image }: ManifestContainer): string {
  return basename(image).replace(/:.*$/, '');
}

/** A container's arguments and environment on this machine: its mounts are the folders they come from. */
export function argumentsOf(container: ManifestContainer, { pod, fields, hostPath }: ContainerPlace) {
  const env = Object.fromEntries(
    (container.env ?? []).map(({ name, valueFrom }) => [name, fields[valueFrom.fieldRef.fieldPath] ?? '']),
  );
  const mounts = (container.volumeMounts ?? []).map(({ name, mountPath }) => {
    const volume = pod.volumes.find((one) => one.name === name);
    const source = volume?.hostPath?.path ?? (volume?.emptyDir ? `/var/lib/empty-dir/${name}` : undefined);
    if (source === undefined) throw new Error(`volume ${name} of ${container.name} is no folder of the node`);
    return { mountPath, source: hostPath(source) };
  });
  const args = container.args.map((arg) => {
    const filled = arg.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => env[name] ?? whole);
    const [, before = '', path] = /^(.*?=(?:unix:\/\/)?)(\/.*)$/.exec(filled) ?? [];
    // Any free port: containers of several pods meet here.
    if (path === undefined) return filled.replace(/^(--http-endpoint=):\d+$/, '$1127.0.0.1:0');
    const mount = mounts.find(({ mountPath }) => path === mountPath || path.startsWith(`${mountPath}/`));
    if (!mount) throw new Error(`${container.name} is told ${path}, which is in none of its mounts`);
    return `${before}${mount.source}${path.slice(mount.mountPath.length)}`;
  });
  return { args, env };
}

/** A program that runs until disposed, and what it says. */
export class ManifestProcess implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly name: string;
  #log = '';

  constructor(name: string, command: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const [program = '', ...args] = command;
    this.name = name;
    this.child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, ...env } });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-2_000_000);
    });
  }

  get log(): string {
    return this.#log;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.running) return;
    const exited = once(this.child, 'close');
    this.child.kill(signal);
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end('SIGTERM');
  }
}
