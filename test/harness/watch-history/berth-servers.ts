import { cpSync, mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Berth } from '../berth.ts';
import { SocketWire } from './socket-wire.ts';
import type { Wire } from './wire.ts';

interface Running {
  readonly berth: Berth;
  wire: SocketWire | undefined;
  lives: number;
}

/** `berth apiserver` once or several times, as one cluster; each may end and start again. */
export class BerthServers implements AsyncDisposable {
  readonly #all: Running[] = [];
  readonly #args: readonly string[];

  private constructor(args: readonly string[]) {
    this.#args = args;
  }

  static async start(count: number, args: readonly string[] = []): Promise<BerthServers> {
    const servers = new BerthServers(['--log-level', 'error', ...args]);
    try {
      await servers.#add();
      await Promise.all(Array.from({ length: count - 1 }, () => servers.#add(servers.#likeFirst())));
      return servers;
    } catch (error) {
      await servers[Symbol.asyncDispose]();
      throw error;
    }
  }

  get wires(): readonly Wire[] {
    return this.#all.flatMap(({ wire }) => wire ?? []);
  }

  berth(index: number): Berth {
    return this.#running(index).berth;
  }

  async stop(index: number, signal: NodeJS.Signals): Promise<void> {
    const running = this.#running(index);
    const { wire } = running;
    await running.berth.stop(signal);
    running.wire = undefined;
    wire?.[Symbol.dispose]();
  }

  async up(index: number): Promise<void> {
    const running = this.#running(index);
    const { kubeconfig } = await running.berth.up();
    running.wire = await SocketWire.of(`${index}.${running.lives++}`, kubeconfig);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { wire, berth } of this.#all) {
      wire?.[Symbol.dispose]();
      await berth[Symbol.asyncDispose]();
    }
  }

  async #add(dataDir?: string): Promise<void> {
    const args = this.#args;
    const berth = Berth.at({ command: 'apiserver', args, ...(dataDir === undefined ? {} : { dataDir }) });
    const index = this.#all.push({ berth, wire: undefined, lives: 0 }) - 1;
    await this.up(index);
  }

  /** A data directory that trusts the same people and tokens. */
  #likeFirst(): string {
    const dataDir = mkdtempSync(join(tmpdir(), 'berth-e2e-'));
    mkdirSync(join(dataDir, 'pki'), { mode: 0o700 });
    for (const name of ['ca.crt', 'ca.key', 'sa.key'])
      cpSync(join(this.berth(0).dataDir, 'pki', name), join(dataDir, 'pki', name));
    return dataDir;
  }

  #running(index: number): Running {
    const running = this.#all[index];
    if (!running) throw new Error(`there is no server ${index}`);
    return running;
  }
}
