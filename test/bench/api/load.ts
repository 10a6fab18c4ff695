import { cpuSeconds } from '../process-cost.ts';
import { median } from '../table.ts';

/** Some requests: how fast they were answered, and what one of them cost the server and the client, which share the machine. */
export class Load {
  readonly #pid: number;
  readonly #count: number;
  readonly #startedAt = performance.now();
  readonly #serverBefore: number;
  readonly #clientBefore = process.cpuUsage();
  perSecond = 0;
  serverUs = 0;
  clientUs = 0;

  /** Begins to measure. */
  constructor(serverPid: number, count: number) {
    this.#pid = serverPid;
    this.#count = count;
    this.#serverBefore = cpuSeconds([serverPid]);
  }

  /** Measures until `work` is done. */
  async of(work: Promise<unknown>): Promise<this> {
    await work;
    this.perSecond = (this.#count / (performance.now() - this.#startedAt)) * 1000;
    this.serverUs = ((cpuSeconds([this.#pid]) - this.#serverBefore) / this.#count) * 1e6;
    const { user, system } = process.cpuUsage(this.#clientBefore);
    this.clientUs = (user + system) / this.#count;
    return this;
  }

  /** Medians. */
  static text(loads: readonly Load[]): string {
    const of = (value: (load: Load) => number) => median(loads.map(value)).toFixed(0);
    const cpu = `CPU each: server ${of((load) => load.serverUs)} µs, client ${of((load) => load.clientUs)} µs`;
    return `${of((load) => load.perSecond)} /s (${cpu})`;
  }
}
