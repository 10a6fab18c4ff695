import { Backoff, Metrics, runController, WorkQueue } from '@berth/kit';
import { type Informers, resources } from '@berth/kube';
import { Attacher, attachmentsByVolume } from './attach/attacher.ts';
import { AttachmentObjects } from './attach/attachment-objects.ts';
import { type ConnectedDriver, connectDriver } from './driver/connect-driver.ts';
import { retryConflicts } from './retry-conflicts.ts';
import type { RunningSidecar, SidecarOptions } from './start-provisioner.ts';
import { startSidecar } from './start-sidecar.ts';

export interface AttacherSettings {
  readonly timeoutMs: number;
  readonly workers: number;
  readonly retryIntervalStartMs: number;
  readonly retryIntervalMaxMs: number;
  readonly defaultFsType: string;
}

/** external-attacher's flags and their defaults. */
const defaults: AttacherSettings = {
  timeoutMs: 15_000,
  workers: 10,
  retryIntervalStartMs: 1000,
  retryIntervalMaxMs: 300_000,
  defaultFsType: '',
};

export interface AttacherOptions extends SidecarOptions {
  readonly settings?: Partial<AttacherSettings>;
}

/** Attaches and detaches volumes of one CSI driver as external-attacher 4.12 does, until `signal` aborts. */
export function startAttacher(options: AttacherOptions, signal: AbortSignal): RunningSidecar {
  return startSidecar('attacher', run, { options, signal });
}

async function run(options: AttacherOptions, begun: (driver: ConnectedDriver) => void, signal: AbortSignal) {
  const { informers, clock, log, metrics = new Metrics() } = options;
  const settings = { ...defaults, ...options.settings };
  const client = options.client.as('csi-attacher');
  const { timeoutMs, defaultFsType, workers } = settings;
  const driver = await connectDriver({ clients: options.csi, clock, log, metrics, timeoutMs }, signal);
  const attachments = informers.of(resources.volumeattachments);
  attachments.addIndex(attachmentsByVolume, ({ spec }) =>
    spec.source.persistentVolumeName === undefined ? [] : [spec.source.persistentVolumeName],
  );
  informers.of(resources.persistentvolumes);
  informers.of(resources.csinodes);
  await informers.whenSynced(signal);
  const objects = new AttachmentObjects({ client, informers, clock, driverName: driver.name });
  const attacher = new Attacher({ client, informers, driver, objects, defaultFsType });
  const queue = () =>
    new WorkQueue({
      clock,
      backoff: new Backoff({ initialMs: settings.retryIntervalStartMs, maxMs: settings.retryIntervalMaxMs }),
    });
  const [attachmentQueue, volumeQueue] = [queue(), queue()];
  using _handlers = watch(informers, { attachments: attachmentQueue, volumes: volumeQueue }, driver.name);
  const shared = { workers, log, signal };
  const running = Promise.all([
    runController({
      ...shared,
      name: 'attach',
      queue: attachmentQueue,
      reconcile: retryConflicts((name, stop) => attacher.reconcile(name, stop)),
    }),
    runController({
      ...shared,
      name: 'attach-volumes',
      queue: volumeQueue,
      reconcile: retryConflicts((name, stop) => attacher.releaseVolume(name, stop)),
    }),
  ]);
  begun(driver);
  await running;
}

function watch(
  informers: Informers,
  queues: { readonly attachments: WorkQueue; readonly volumes: WorkQueue },
  driverName: string,
): Disposable {
  const handlers = new DisposableStack();
  handlers.use(
    informers.of(resources.volumeattachments).onChange((name, { before, after }) => {
      const { attacher: attacherName, source } = (after ?? before)?.spec ?? {};
      if (attacherName !== driverName) return;
      if (after && (!before || after.metadata.deletionTimestamp !== before.metadata.deletionTimestamp)) {
        queues.attachments.add(name);
      }
      if (!after && source?.persistentVolumeName !== undefined) queues.volumes.add(source.persistentVolumeName);
    }),
  );
  handlers.use(
    informers
      .of(resources.persistentvolumes)
      .onChange((name, { after }) => after?.metadata.deletionTimestamp !== undefined && queues.volumes.add(name)),
  );
  return handlers;
}
