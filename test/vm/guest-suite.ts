import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import type { GuestCase, GuestReport } from './guest/guest-case.ts';
import { lockCache } from './machine/cache-lock.ts';
import { codeImage } from './machine/code-image.ts';
import { debianKernel } from './machine/debian-kernel.ts';
import { guestSystem } from './machine/root-image.ts';
import { objectionToGuests, startMachine, type VirtualMachine } from './machine/virtual-machine.ts';

export interface SuiteOptions {
  /** Modules of `guest/` that export `cases`; the guest runs the same ones, in this order. */
  readonly files: readonly string[];
  readonly cases: readonly GuestCase[];
  readonly memoryMiB?: number;
  /** Empty disks, /dev/vdc and on. */
  readonly disksMiB?: readonly number[];
  /** Programs of this machine that the guest needs besides. */
  readonly programs?: () => Promise<readonly string[]>;
}

interface Outcome {
  readonly durationMs: number;
  readonly failure?: string;
}

/** One guest for all cases of a file; each is a test of its own that fails with what the guest said. */
export function guestSuite(options: SuiteOptions): void {
  const objection = objectionToGuests();
  if (objection !== undefined) {
    test.skip(`in a guest: ${objection}`, () => undefined);
    return;
  }
  const outcomes = new Outcomes();
  let folder: string | undefined;
  let machine: VirtualMachine | undefined;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'berth-vm-'));
    machine = await boot(options, folder);
    void outcomes.follow(machine);
    await outcomes.started;
  });
  afterAll(async () => {
    await machine?.[Symbol.asyncDispose]();
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });
  for (const { name } of options.cases) {
    test(name, async () => {
      const { failure } = await outcomes.of(name);
      // Its own stack is in the message; this place says nothing.
      if (failure !== undefined) throw Object.assign(new Error(failure), { stack: '' });
    });
  }
}

async function boot({ files, memoryMiB = 768, disksMiB = [], programs }: SuiteOptions, folder: string) {
  const further = (await programs?.()) ?? [];
  const image = await codeImage(files, folder);
  const { kernel, system } = await prepared(further);
  return startMachine({ kernel, system, codeImage: image, folder, memoryMiB, disksMiB });
}

async function prepared(further: readonly string[]) {
  using _cache = await lockCache();
  const kernel = debianKernel();
  return { kernel, system: guestSystem(kernel, further) };
}

/** What became of each case; all that are open fail when the machine ends before its time. */
class Outcomes {
  readonly #known = new Map<string, PromiseWithResolvers<Outcome>>();
  readonly #started = Promise.withResolvers<void>();

  get started(): Promise<void> {
    return this.#started.promise;
  }

  of(name: string): Promise<Outcome> {
    return this.#slot(name).promise;
  }

  async follow(machine: VirtualMachine): Promise<void> {
    for await (const line of machine.reports) {
      const report = JSON.parse(line) as GuestReport;
      if (process.env['BERTH_VM_TRACE']) process.stderr.write(`${line}\n`);
      if (report.type === 'started') this.#started.resolve();
      if (report.type === 'end') this.#slot(report.name).resolve(report);
    }
    const end = new Error(`the guest ended early; its console said:\n${machine.console().slice(-6000)}`);
    this.#started.reject(end);
    this.#end = end;
    for (const slot of this.#known.values()) slot.reject(end);
  }

  #end: Error | undefined;

  #slot(name: string): PromiseWithResolvers<Outcome> {
    const known = this.#known.get(name) ?? Promise.withResolvers<Outcome>();
    // Asked for later, or never.
    known.promise.catch(() => undefined);
    if (this.#end) known.reject(this.#end);
    this.#known.set(name, known);
    return known;
  }
}
