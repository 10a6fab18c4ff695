import { mustRun, runProgram } from '../runtime/run-program.ts';

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

/** Built-in chains and ours that they jump to. */
function jumps(tag: string): readonly { table: 'nat' | 'filter'; from: string; to: string; match: string }[] {
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
      .filter((jump) => jump.table === table && !hasJump(existing, jump))
      .map(({ from, to, match }) => `-I ${from} ${match}-j ${to}`);
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
  const existing = await save().catch(() => '');
  if (!existing.includes(`BERTH-${tag}`) && !existing.includes(`BERTH-HP-${tag}`)) return;
  const table = (name: 'nat' | 'filter', chains: string[]) => {
    const present = chains.filter((chain) => tableOf(existing, name).includes(`:${chain} `));
    const drops = jumps(tag)
      .filter((jump) => jump.table === name && hasJump(existing, jump))
      .map(({ from, to, match }) => `-D ${from} ${match}-j ${to}`);
    return [`*${name}`, ...drops, ...present.flatMap((chain) => [`-F ${chain}`, `-X ${chain}`]), 'COMMIT'];
  };
  const input = [...table('nat', [`BERTH-${tag}`, `BERTH-HP-${tag}`]), ...table('filter', [`BERTH-${tag}`]), ''];
  await mustRun('iptables-restore', ['-w', '--noflush'], { input: input.join('\n') });
}

function dnat({ protocol, hostIp, hostPort, podIp, podPort }: PublishedPort): string {
  const address = hostIp === '' || hostIp === '0.0.0.0' ? '' : `-d ${hostIp} `;
  return `-p ${protocol} ${address}-m ${protocol} --dport ${hostPort} -j DNAT --to-destination ${podIp}:${podPort}`;
}

async function save(): Promise<string> {
  const { exitCode, stdout } = await runProgram('iptables-save', []);
  return exitCode === 0 ? stdout : '';
}

function hasJump(saved: string, { table, from, to }: { table: string; from: string; to: string }): boolean {
  return tableOf(saved, table)
    .split('\n')
    .some((line) => line.startsWith(`-A ${from} `) && line.endsWith(`-j ${to}`));
}

function tableOf(saved: string, table: string): string {
  const from = saved.indexOf(`*${table}\n`);
  return from < 0 ? '' : saved.slice(from, saved.indexOf('\nCOMMIT', from));
}
