import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { DebianKernel } from './debian-kernel.ts';
import type { GuestSystem } from './root-image.ts';

const emulator = '/usr/bin/qemu-system-x86_64';

/** Why no guest can run here; undefined where one can. */
export function objectionToGuests(): string | undefined {
  if (process.arch !== 'x64') return `the guest is an x86_64 machine, and this is ${process.arch}`;
  if (!existsSync(emulator)) return 'qemu is not installed: apt-get install qemu-system-x86';
  return existsSync('/etc/debian_version') && !isUbuntu()
    ? undefined
    : 'the guest is made of Debian’s kernel, and this is no Debian';
}

/** It calls itself Debian's kin too, and has other kernels. */
function isUbuntu(): boolean {
  return /^ID=ubuntu$/m.test(readFileSync('/etc/os-release', 'utf8'));
}

export interface MachineOptions {
  readonly kernel: DebianKernel;
  readonly system: GuestSystem;
  readonly codeImage: string;
  /** Where its disks and its console's log are; removed by whoever made it. */
  readonly folder: string;
  readonly memoryMiB: number;
  /** Empty disks: /dev/vdc and on. */
  readonly disksMiB: readonly number[];
}

/** A running guest. Disposing ends it at once. */
export interface VirtualMachine extends AsyncDisposable {
  /** Lines that the guest's program reports, until the machine is off. */
  readonly reports: AsyncIterable<string>;
  /** What kernel and programs wrote to the console so far. */
  console(): string;
}

/** Boots it. When this process dies, the guest finds its port closed and turns itself off. */
export function startMachine(options: MachineOptions): VirtualMachine {
  const log = join(options.folder, 'console.log');
  const child = spawn(emulator, argumentsOf(options, log), { stdio: ['pipe', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaints += text;
  });
  const ended = once(child, 'close');
  return {
    reports: createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> }),
    console: () => complaints + (existsSync(log) ? readFileSync(log, 'utf8') : ''),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function argumentsOf(options: MachineOptions, log: string): string[] {
  const { kernel, system, codeImage, folder, memoryMiB, disksMiB } = options;
  const disks = disksMiB.map((mib, index) => {
    const file = join(folder, `disk-${index}.img`);
    closeSync(openSync(file, 'w'));
    truncateSync(file, mib * 1024 ** 2);
    return `file=${file},format=raw,if=virtio,cache=unsafe,discard=unmap`;
  });
  const readOnly = [system.rootImage, codeImage].map((file) => `file=${file},format=raw,if=virtio,readonly=on`);
  return [
    ...['-name', 'berth-vm', '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-accel', 'tcg,thread=multi', '-cpu', 'max,la57=off', '-smp', '2', '-m', String(memoryMiB)],
    ...['-kernel', kernel.image, '-initrd', system.initramfs],
    // On a busy machine an emulated timer may be too late for the kernel to believe in, which then panics.
    ...['-append', 'console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off random.trust_cpu=on no_timer_check'],
    ...[...readOnly, ...disks].flatMap((drive) => ['-drive', drive]),
    ...['-serial', `file:${log}`],
    ...['-chardev', 'stdio,id=reports,signal=off', '-device', 'virtio-serial-pci'],
    ...['-device', 'virtserialport,chardev=reports,name=berth.reports'],
    ...['-device', 'virtio-rng-pci'],
  ];
}
