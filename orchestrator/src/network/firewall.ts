import { mustRun, runProgram } from '@berth/linux';

/** A port of the node that leads to a pod. */
export interface PublishedPort {
  readonly sandboxId: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  /** Every address of the node where "". */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly podIp: string;
  readonly podPort: number;
}

export interface FirewallOptions {
  /** Part of the chains' names, which must not be longer than 28 characters together. */
  readonly tag: string;
  readonly bridge: string;
  readonly subnet: string;
  readonly clusterCidr?: string;
}

interface Jump {
  readonly table: 'nat' | 'filter';
  readonly from: string;
  readonly to: string;
  readonly match: string;
}

/** Built-in chains and ours that they jump to. */
function jumps(tag: string): readonly Jump[] {
  const local = '-m addrtype --dst-type LOCAL ';
  return [
    { table: 'nat', from: 'POSTROUTING', to: `BERTH-${tag}`, match: '' },
    { table: 'nat', from: 'PREROUTING', to: `BERTH-HP-${tag}`, match: local },
    { table: 'nat', from: 'OUTPUT', to: `BERTH-HP-${tag}`, match: local },
    { table: 'filter', from: 'FORWARD', to: `BERTH-${tag}`, match: '' },
  ];
}

/** Writes all rules of one runtime in one atomic transaction: chains of our own, so that what was there before is replaced. */
export async function writeFirewall(options: FirewallOptions, ports: readonly PublishedPort[]): Promise<void> {
  await mustRun('iptables-restore', ['-w', '--noflush'], {
    input: firewallRules(options, ports, await save()),
  });
}

/** `existing` is iptables-save's answer: jumps that are there already are not added twice. */
export function firewallRules(options: FirewallOptions, ports: readonly PublishedPort[], existing: string): string {
  const { tag, bridge, subnet, clusterCidr } = options;
  const missing = (table: string) =>
    jumps(tag)
      .filter((jump) => jump.table === table)
      .flatMap((jump) => {
        // Two writers at once, one of them of a process that was killed, may both have added it.
        const count = countJumps(existing, jump);
        if (count === 0) return [`-I ${ruleOf(jump)}`];
        return Array.from({ length: count - 1 }, () => `-D ${ruleOf(jump)}`);
      });
  return [
    '*nat',
    `:BERTH-${tag} - [0:0]`,
    `:BERTH-HP-${tag} - [0:0]`,
    ...missing('nat'),
    // What a published port brought here from the node itself or from a pod must come back the same way.
    `-A BERTH-${tag} -s 127.0.0.0/8 -o ${bridge} -j MASQUERADE`,
    ...[...new Set(ports.map(({ podIp }) => podIp))].map(
      (ip) => `-A BERTH-${tag} -s ${subnet} -d ${ip} -m conntrack --ctstate DNAT -j MASQUERADE`,
    ),
    ...(clusterCidr ? [`-A BERTH-${tag} -s ${subnet} -d ${clusterCidr} -j RETURN`] : []),
    `-A BERTH-${tag} -s ${subnet} ! -d ${subnet} -j MASQUERADE`,
    ...ports.map((port) => `-A BERTH-HP-${tag} ${dnat(port)}`),
    'COMMIT',
    '*filter',
    `:BERTH-${tag} - [0:0]`,
    ...missing('filter'),
    `-A BERTH-${tag} -i ${bridge} -j ACCEPT`,
    `-A BERTH-${tag} -o ${bridge} -j ACCEPT`,
    'COMMIT',
    '',
  ].join('\n');
}

/** Removes all rules and chains of `tag`; absent ones are fine. */
export async function removeFirewall(tag: string): Promise<void> {
  const input = firewallRemoval(tag, await save().catch(() => ''));
  if (input !== '') await mustRun('iptables-restore', ['-w', '--noflush'], { input });
}

/** What takes everything of `tag` away, given iptables-save's answer; '' where there is nothing. */
export function firewallRemoval(tag: string, existing: string): string {
  if (!existing.includes(`BERTH-${tag}`) && !existing.includes(`BERTH-HP-${tag}`)) return '';
  const table = (name: 'nat' | 'filter', chains: string[]) => {
    const present = chains.filter((chain) => tableOf(existing, name).includes(`:${chain} `));
    const drops = jumps(tag)
      .filter((jump) => jump.table === name)
      .flatMap((jump) => Array.from({ length: countJumps(existing, jump) }, () => `-D ${ruleOf(jump)}`));
    return [`*${name}`, ...drops, ...present.flatMap((chain) => [`-F ${chain}`, `-X ${chain}`]), 'COMMIT'];
  };
  return [...table('nat', [`BERTH-${tag}`, `BERTH-HP-${tag}`]), ...table('filter', [`BERTH-${tag}`]), ''].join('\n');
}

function dnat({ protocol, hostIp, hostPort, podIp, podPort }: PublishedPort): string {
  const address = hostIp === '' || hostIp === '0.0.0.0' ? '' : `-d ${hostIp} `;
  return `-p ${protocol} ${address}-m ${protocol} --dport ${hostPort} -j DNAT --to-destination ${podIp}:${podPort}`;
}

async function save(): Promise<string> {
  const { exitCode, stdout } = await runProgram('iptables-save', []);
  return exitCode === 0 ? stdout : '';
}

function ruleOf({ from, to, match }: Jump): string {
  return `${from} ${match}-j ${to}`;
}

function countJumps(saved: string, { table, from, to }: Jump): number {
  return tableOf(saved, table)
    .split('\n')
    .filter((line) => line.startsWith(`-A ${from} `) && line.endsWith(`-j ${to}`)).length;
}

function tableOf(saved: string, table: string): string {
  const from = saved.indexOf(`*${table}\n`);
  return from < 0 ? '' : saved.slice(from, saved.indexOf('\nCOMMIT', from));
}
