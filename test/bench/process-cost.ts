import { readdirSync, readFileSync } from 'node:fs';

const ticksPerSecond = 100;

/** Proportional memory in MB of `berth up`, its drivers and its monitors, by program: pages shared by several count once in all. */
export function memoryMb(pids: readonly number[]): ReadonlyMap<string, number> {
  const byProgram = new Map<string, number>();
  for (const pid of pids) {
    const kilobytes = Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
    const program = programOf(pid);
    byProgram.set(program, (byProgram.get(program) ?? 0) + kilobytes / 1024);
  }
  return byProgram;
}

function programOf(pid: number): string {
  const script = /([\w-]+)\.js\0/.exec(read(`/proc/${pid}/cmdline`))?.[1];
  return script ?? read(`/proc/${pid}/comm`).trim();
}

/** The berth process with its children, and the conmon of every container below the data directory. */
export function processesOf(pid: number, dataDir: string): number[] {
  const all = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return all.filter((one) => {
    if (one === pid) return true;
    const parent = Number(/^PPid:\s+(\d+)/m.exec(read(`/proc/${one}/status`))?.[1] ?? 0);
    return (
      parent === pid || (/conmon/.test(read(`/proc/${one}/comm`)) && read(`/proc/${one}/cmdline`).includes(dataDir))
    );
  });
}

/** CPU seconds used so far. */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const fields = read(`/proc/${pid}/stat`)
      .replace(/^.*\) /, '')
      .split(' ');
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  });
  return ticks.reduce((sum, one) => sum + one, 0) / ticksPerSecond;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
