import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { KubeObject } from '@berth/kube';
import { parseAllDocuments } from 'yaml';
import { dist, nodeFlags } from './berth.ts';
import { argumentsOf, type ManifestPod, type ManifestProcess, programOf } from './manifest-process.ts';
import type { SidecarWorld } from './sidecar-world.ts';

const manifests = join(import.meta.dirname, '../../deploy/kubernetes');
/** The name that deploy/ gives the driver; berth's own has it already. */
const deployedName = 'csi.berth.local';

export interface Rendered extends KubeObject {
  readonly spec?: { readonly template?: { readonly spec: ManifestPod & { readonly serviceAccountName?: string } } };
}

export interface RunOptions {
  readonly more?: readonly string[];
}

/** A driver of another name on the world's node, as deploy/ has it: its objects, and the containers of its pods as processes. */
export class DeployedDriver {
  readonly name: string;
  /** What the names of its classes begin with, where deploy/ has `berth`. */
  readonly stem: string;
  readonly #world: SidecarWorld;

  constructor(world: SidecarWorld, stem: string) {
    this.#world = world;
    this.stem = stem;
    this.name = `${stem}.${deployedName}`;
  }

  /** What `kubectl apply -k` would apply. */
  async render(directory: string): Promise<Rendered[]> {
    const text = await this.#world.kubectl.run('kustomize', join(manifests, directory));
    const documents = parseAllDocuments(text.replaceAll(deployedName, this.name));
    const objects = documents.map((document) => document.toJS() as Rendered);
    for (const { kind, metadata } of objects)
      if (kind?.endsWith('Class')) metadata.name = metadata.name?.replace(/^berth/, this.stem) ?? '';
    return objects;
  }

  /** Starts one container of a DaemonSet's or Deployment's pod, as its service account. */
  async run({ metadata, spec }: Rendered, name: string, { more = [] }: RunOptions = {}): Promise<ManifestProcess> {
    const pod = spec?.template?.spec;
    const container = pod?.containers.find((one) => one.name === name);
    if (!pod || !container) throw new Error(`${metadata.name} has no container ${name}`);
    const { namespace = '' } = metadata;
    const fields = {
      'spec.nodeName': this.#world.node,
      'metadata.namespace': namespace,
      'metadata.name': `${metadata.name}-pod`,
    };
    const { args, env } = argumentsOf(container, { pod, fields, hostPath: (path) => this.hostPath(path) });
    const account = `${namespace}/${pod.serviceAccountName ?? 'default'}`;
    const program = programOf(container);
    if (program !== 'berth') return await this.#world.runOfficial(program, { account, env, more: [...args, ...more] });
    const [first = '', ...rest] = args;
    // Those of deploy/ have the name that the driver has by default.
    const named = rest.some((arg) => arg.startsWith('--name=')) ? [] : [`--name=${this.name}`];
    const own = first === 'csi-driver' ? named : [`--kubeconfig=${await this.#world.kubeconfigOf(account)}`];
    return this.#world.launch(first, [process.execPath, ...nodeFlags, dist(first), ...rest, ...own, ...more], env);
  }

  /** Where a path of the node is: a kubelet's folder is below berth's data. */
  hostPath(path: string): string {
    const { dataDir } = this.#world.berth;
    const kubelet = '/var/lib/kubelet';
    const here = path.startsWith(kubelet)
      ? join(dataDir, 'nodes', this.#world.node, 'kubelet', path.slice(kubelet.length))
      : join(dataDir, this.stem, path);
    mkdirSync(here, { recursive: true });
    return here;
  }

  get socket(): string {
    return join(this.hostPath(`/var/lib/kubelet/plugins/${this.name}`), 'csi.sock');
  }

  /** Folder of the volumes of its pool. */
  get volumes(): string {
    return join(this.hostPath('/var/lib/berth/pool'), 'volumes');
  }
}
