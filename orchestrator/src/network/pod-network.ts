import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { KeyedMutex, type Logger } from '@berth/kit';
import { mustRun, runProgram } from '@berth/linux';
import { isPinned } from '../runtime/sandbox-namespaces.ts';
import type { StateLayout } from '../runtime/state-layout.ts';
import { callCniPlugin } from './cni-plugin.ts';
import { type FirewallOptions, type PublishedPort, removeFirewall, writeFirewall } from './firewall.ts';
import { parseSubnet, type Subnet } from './subnet.ts';

export interface PodNetworkOptions {
  /** The IPv4 range of this runtime's pods, e.g. `10.85.0.0/24`; its first address is the gateway. No two runtimes share one. */
  readonly subnet: string;
  /** Addresses reached without masquerading besides `subnet`, e.g. the range all nodes' subnets are cut from. */
  readonly clusterCidr?: string;
}

/** A bridge of this runtime's own, and every pod's interface on it through the CNI plugins bridge and host-local. */
export class PodNetwork implements AsyncDisposable {
  readonly #layout: StateLayout;
  readonly #options: PodNetworkOptions;
  readonly #subnet: Subnet;
  readonly #log: Logger;
  readonly #published = new Map<string, readonly PublishedPort[]>();
  readonly #firewall = new KeyedMutex();
  #firstRules: Promise<void> = Promise.resolve();

  constructor(layout: StateLayout, options: PodNetworkOptions, log: Logger) {
    this.#layout = layout;
    this.#options = options;
    this.#subnet = parseSubnet(options.subnet);
    this.#log = log;
  }

  /** Makes the bridge and the firewall rules that are missing; `published` are the ports of pods that already run. */
  async start(published: readonly PublishedPort[]): Promise<void> {
    for (const port of published) {
      this.#published.set(port.sandboxId, [...(this.#published.get(port.sandboxId) ?? []), port]);
    }
    await mkdir(this.#ipamDirectory, { recursive: true });
    await this.#ensureBridge();
    // Pods start without waiting for the rules: only what goes beyond the node needs them.
    this.#firstRules = this.#writeFirewall().catch((error: unknown) => {
      this.#log.warn('no firewall rules: pods reach each other and the node, but nothing beyond it', { error });
    });
  }

  /**
   * Frees the addresses of all sandboxes but these. host-local looks for one by what is in its file: nobody's is that of one
   * that was killed before it wrote.
   */
  async releaseOthers(sandboxIds: ReadonlySet<string>): Promise<void> {
    const folder = join(this.#ipamDirectory, this.#config().name);
    for (const address of (await readdir(folder).catch(() => [])).filter((name) => isIPv4(name))) {
      const file = join(folder, address);
      const [sandboxId = ''] = (await readFile(file, 'utf8')).split(/\s/);
      if (!sandboxIds.has(sandboxId)) await rm(file, { force: true });
    }
  }

  /** Bridge and rules stay; waits for the writing that is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#firstRules;
  }

  /** Gives the namespace its interface and returns its addresses. @throws CniError */
  async add(sandboxId: string, netns: string): Promise<string[]> {
    const result = await callCniPlugin({ command: 'ADD', containerId: sandboxId, netns, config: this.#config() });
    return (result.ips ?? []).map(({ address }) => address.split('/')[0]!);
  }

  /** Takes the interface and the address back. Fine where there are none any more. */
  async remove(sandboxId: string, netns: string): Promise<void> {
    if (this.#published.delete(sandboxId)) await this.#writeFirewall();
    const present = isPinned(netns) ? netns : '';
    await callCniPlugin({ command: 'DEL', containerId: sandboxId, netns: present, config: this.#config() });
  }

  async publish(sandboxId: string, ports: readonly PublishedPort[]): Promise<void> {
    if (ports.length === 0) return;
    this.#published.set(sandboxId, ports);
    await this.#writeFirewall();
  }

  get #ipamDirectory(): string {
    return join(this.#layout.stateDir, 'cni');
  }

  #config() {
    const { bridge, tag } = this.#layout.identity;
    return {
      cniVersion: '0.4.0',
      name: `berth-${tag}`,
      type: 'bridge',
      bridge,
      isGateway: true,
      ipMasq: false,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        dataDir: this.#ipamDirectory,
        ranges: [[{ subnet: this.#subnet.cidr }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    };
  }

  /** Made once here, so that the first pods at once do not race for it. */
  async #ensureBridge(): Promise<void> {
    const { bridge } = this.#layout.identity;
    const { gateway, prefix } = this.#subnet;
    if (!hasBridge(this.#layout)) {
      const input = [
        `link add name ${bridge} type bridge`,
        `addr add ${gateway}/${prefix} dev ${bridge}`,
        `link set ${bridge} up`,
      ].join('\n');
      await mustRun('ip', ['-batch', '-'], { input: `${input}\n` });
    }
    await sysctl('net/ipv4/ip_forward');
    // Without it a published port cannot be reached at 127.0.0.1.
    await sysctl(`net/ipv4/conf/${bridge}/route_localnet`);
  }

  #writeFirewall(): Promise<void> {
    const { bridge, tag } = this.#layout.identity;
    const { clusterCidr } = this.#options;
    const options: FirewallOptions = { tag, bridge, subnet: this.#subnet.cidr, ...(clusterCidr && { clusterCidr }) };
    return this.#firewall.run('', () => writeFirewall(options, [...this.#published.values()].flat()));
  }
}

/** Whether the bridge stands: from the first start of a runtime until {@link removePodNetwork}. */
export function hasBridge({ identity }: StateLayout): boolean {
  return existsSync(`/sys/class/net/${identity.bridge}`);
}

function sysctl(path: string): Promise<void> {
  return writeFile(`/proc/sys/${path}`, '1').catch(() => undefined);
}

/** Removes the bridge with all interfaces on it, the address book and the firewall rules, whatever of them is there. */
export async function removePodNetwork(layout: StateLayout): Promise<void> {
  const { tag } = layout.identity;
  // One that fails keeps no other from going.
  const removed = await Promise.allSettled([
    removeBridge(layout),
    removeFirewall(tag),
    rm(join(layout.stateDir, 'cni'), { recursive: true, force: true }),
  ]);
  for (const result of removed) if (result.status === 'rejected') throw result.reason;
}

async function removeBridge(layout: StateLayout): Promise<void> {
  const { bridge } = layout.identity;
  if (hasBridge(layout)) {
    const { stdout } = await runProgram('ip', ['-o', 'link', 'show', 'master', bridge]);
    const ports = [...stdout.matchAll(/^\d+: ([^:@\s]+)/gm)].map(([, name]) => `link del ${name}\n`);
    await mustRun('ip', ['-force', '-batch', '-'], { input: `${ports.join('')}link del ${bridge}\n` }).catch(
      (error) => {
        if (hasBridge(layout)) throw error;
      },
    );
  }
}
