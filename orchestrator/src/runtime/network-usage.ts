import { readFile } from 'node:fs/promises';

export interface InterfaceUsage {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** cAdvisor leaves these out: what goes through them goes through others too. */
const ignored = /^(lo|veth|docker|nerdctl)/;

/** What went through the interfaces of a process' network namespace; nothing where it is gone (proc_pid_net(5)). */
export async function networkUsage(pid: number | 'self'): Promise<InterfaceUsage[]> {
  const text = await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => '');
  return parseNetDev(text).filter(({ name }) => !ignored.test(name));
}

export function parseNetDev(text: string): InterfaceUsage[] {
  return text.split('\n').flatMap((line) => {
    const [, name, rest] = /^\s*([^:\s|]+):\s*(\d.*)$/.exec(line) ?? [];
    if (name === undefined || rest === undefined) return [];
    const numbers = rest.trim().split(/\s+/).map(Number);
    const at = (index: number) => numbers[index] ?? 0;
    const received = { rxBytes: at(0), rxPackets: at(1), rxErrors: at(2), rxDropped: at(3) };
    return [{ name, ...received, txBytes: at(8), txPackets: at(9), txErrors: at(10), txDropped: at(11) }];
  });
}
