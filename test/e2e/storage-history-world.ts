import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { httpTransport, KubeClient, loadKubeconfig, resources } from '@berth/kube';
import { Berth, dist, eventually } from '../harness/berth.ts';
import { BindCsiDriver } from '../harness/bind-csi-driver.ts';
import { HistoryRecorder } from '../harness/history-recorder.ts';
import { webServerRecipe, writeDockerArchive } from '../harness/image-archive.ts';
import { aClass } from '../harness/storage-builders.ts';

/** Drivers beside ours, for what ours has not and the recordings show: attachment, and a node's part in expansion. */
const drivers: Readonly<Record<string, { readonly attaches?: boolean; readonly sidecar: string }>> = {
  'attach.berth.test': { attaches: true, sidecar: '--attacher' },
  'expand.berth.test': { sidecar: '--resizer' },
};

const classes = {
  'csi-hostpath-sc': { provisioner: 'csi.berth.local' },
  'csi-attach': { provisioner: 'attach.berth.test' },
  'csi-expand': { provisioner: 'expand.berth.test', allowVolumeExpansion: true },
  wffc: { provisioner: 'csi.berth.local', volumeBindingMode: 'WaitForFirstConsumer' },
  'wrong-prov': { provisioner: 'nobody.example.com' },
};

export interface HistoryWorld extends AsyncDisposable {
  readonly berth: Berth;
  readonly client: KubeClient;
  readonly recorder: HistoryRecorder;
}

/** A `berth up` with the recordings' classes and image, two more drivers with their sidecars, and a watcher. */
export async function startHistoryWorld(): Promise<HistoryWorld> {
  await using stack = new AsyncDisposableStack();
  const berth = stack.use(await Berth.start());
  const { transport } = await loadKubeconfig(berth.ready.kubeconfig);
  const client = new KubeClient(stack.use(httpTransport(transport)));
  await Promise.all([
    loadImage(berth),
    ...Object.keys(drivers).map((name) => startDriver({ berth, client, stack, name })),
  ]);
  for (const [name, spec] of Object.entries(classes)) {
    await client.create(resources.storageclasses, aClass(name, spec));
  }
  await eventually(async () => {
    const { spec } = await client.get(resources.csinodes, { name: 'node-1' });
    return spec.drivers.length === 1 + Object.keys(drivers).length;
  });
  const recorder = stack.use(await HistoryRecorder.start(client));
  const own = stack.move();
  return { berth, client, recorder, [Symbol.asyncDispose]: () => own[Symbol.asyncDispose]() };
}

async function loadImage(berth: Berth): Promise<void> {
  const archive = join(berth.dataDir, 'busybox.tar');
  await writeDockerArchive(archive, webServerRecipe('local/busybox:1'));
  const { code, stderr } = await berth.command('berth', ['image', 'load', archive, '--data-dir', berth.dataDir]);
  if (code !== 0) throw new Error(stderr);
}

interface DriverStart {
  readonly berth: Berth;
  readonly client: KubeClient;
  readonly stack: AsyncDisposableStack;
  readonly name: string;
}

async function startDriver({ berth, client, stack, name }: DriverStart): Promise<void> {
  const { attaches = false, sidecar = '' } = drivers[name] ?? {};
  const spec = { attachRequired: attaches, podInfoOnMount: false };
  await client.create(resources.csidrivers, { metadata: { name }, spec });
  const folder = join(berth.dataDir, name);
  const pluginsRegistry = join(berth.dataDir, 'nodes/node-1/kubelet/plugins_registry');
  const driver = stack.use(await BindCsiDriver.start({ name, nodeId: 'node-1', folder, pluginsRegistry, attaches }));
  stack.use(startProvisioner(['--csi-address', driver.socket, '--kubeconfig', berth.ready.kubeconfig, sidecar]));
}

function startProvisioner(args: readonly string[]): AsyncDisposable {
  const child = spawn(process.execPath, [dist('provisioner'), ...args, '--log-level', 'warn'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
