import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Clock } from '@berth/kit';

/**
 * PM QoS (Documentation/power/pm_qos_interface.rst of the kernel): who has it open asks for the latency that was last written, an int32 in
 * microseconds. With none at all, idle processors poll. Closing it ends the wish, so it ends with the process, however that ends.
 */
export const idlePollingDevice = '/dev/cpu_dma_latency';
const atOnce = int32(0);
/** PM_QOS_CPU_LATENCY_DEFAULT_VALUE. */
const whenever = int32(2_000_000_000);

/** Beyond so many, keeping all of them awake costs more than one client's wait is worth. */
const fewProcessors = 4;

export interface IdlePollingOptions {
  readonly clock: Clock;
  /** How long processors stay awake after work. */
  readonly forMs: number;
  readonly device?: string;
}

/**
 * Keeps processors that have nothing to do from halting for a moment after each piece of work, as the next comes soon where
 * somebody asks one thing after the other. In a virtual machine a halt and the wake-up are left to the hypervisor, and take longer than most requests do.
 */
export class IdlePolling implements Disposable {
  readonly #clock: Clock;
  readonly #forMs: number;
  readonly #fd: number;
  #lastMs = 0;
  #timer: Disposable | undefined;
  #closed = false;

  /** @throws NodeJS.ErrnoException EACCES – not root; ENOENT – a kernel without it. */
  constructor({ clock, forMs, device = idlePollingDevice }: IdlePollingOptions) {
    this.#clock = clock;
    this.#forMs = forMs;
    this.#fd = openSync(device, 'r+');
  }

  /** There was work just now. */
  worked(): void {
    if (this.#closed) return;
    this.#lastMs = this.#clock.monotonicMs();
    if (this.#timer) return;
    writeSync(this.#fd, atOnce);
    this.#wait(this.#forMs);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.[Symbol.dispose]();
    closeSync(this.#fd);
  }

  #wait(ms: number): void {
    this.#timer = this.#clock.schedule(ms, () => {
      const leftMs = this.#lastMs + this.#forMs - this.#clock.monotonicMs();
      if (leftMs > 0) return this.#wait(leftMs);
      this.#timer = undefined;
      writeSync(this.#fd, whenever);
    });
  }
}

/**
 * Whether idle polling is worth its power by itself: a virtual machine whose kernel knows that it is one (the cpuidle driver
 * `haltpoll`), with few processors. On bare metal waking one takes a few microseconds.
 */
export function idlePollingPays(
  processors = availableParallelism(),
  cpuidle = '/sys/devices/system/cpu/cpuidle',
): boolean {
  if (processors > fewProcessors) return false;
  try {
    return readFileSync(`${cpuidle}/current_driver`, 'utf8').trim() === 'haltpoll';
  } catch {
    return false;
  }
}

function int32(value: number): Uint8Array {
  return new Uint8Array(new Int32Array([value]).buffer);
}
