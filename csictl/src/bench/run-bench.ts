import { join } from 'node:path';
import type { Subject } from '../conformance/subject.ts';
import { Stopwatch } from './stopwatch.ts';

export interface BenchOptions {
  readonly subject: Subject;
  readonly concurrency: number;
  /** Volumes to take through their life; as many as fit the time where absent. */
  readonly count?: number;
  readonly durationMs?: number;
  /** Node calls are made too. */
  readonly onNode: boolean;
  readonly nodeId: string;
  readonly now: () => number;
}

export interface BenchResult {
  readonly volumes: number;
  readonly failed: number;
  readonly ms: number;
  readonly watch: Stopwatch;
}

/** Takes volumes through their life, `concurrency` at a time. A volume whose call fails is left for the clean-up. */
export async function runBench(options: BenchOptions, signal: AbortSignal): Promise<BenchResult> {
  const { concurrency, count = Number.POSITIVE_INFINITY, durationMs = Number.POSITIVE_INFINITY, now } = options;
  const watch = new Stopwatch(now);
  const started = now();
  let [begun, volumes, failed] = [0, 0, 0];
  const worker = async () => {
    while (begun < count && now() - started < durationMs && !signal.aborted) {
      begun++;
      try {
        await takeThroughLife(options, watch);
        volumes++;
      } catch {
        // Counted by the watch, which keeps the first; one that fails at once must not spin for the whole time.
        if (++failed >= maxFailures) return;
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return { volumes, failed, ms: now() - started, watch };
}

const maxFailures = 100;

async function takeThroughLife({ subject, onNode, nodeId }: BenchOptions, watch: Stopwatch): Promise<void> {
  const { controller, node } = subject;
  const volume = await watch.measure('create', () => subject.create());
  const { volumeId, volumeContext } = volume;
  if (onNode) {
    const volumeCapability = subject.capability();
    const attaches = subject.has('controller:PUBLISH_UNPUBLISH_VOLUME');
    const attachment = { volumeId, nodeId, volumeCapability, volumeContext };
    const { publishContext } = attaches
      ? await watch.measure('attach', () => controller.ControllerPublishVolume(attachment))
      : { publishContext: {} };
    const stagingTargetPath = subject.has('node:STAGE_UNSTAGE_VOLUME') ? subject.folder.directory('stage') : '';
    const targetPath = join(subject.folder.directory('pod'), 'target');
    const staged = { volume, stagingTargetPath, publishContext, volumeCapability };
    if (stagingTargetPath !== '')
      await watch.measure('stage', () => node.NodeStageVolume(subject.stageRequest(staged)));
    await watch.measure('publish', () => node.NodePublishVolume(subject.publishRequest(staged, targetPath)));
    await watch.measure('unpublish', () => node.NodeUnpublishVolume({ volumeId, targetPath }));
    if (stagingTargetPath !== '')
      await watch.measure('unstage', () => node.NodeUnstageVolume({ volumeId, stagingTargetPath }));
    if (attaches) await watch.measure('detach', () => controller.ControllerUnpublishVolume({ volumeId, nodeId }));
  }
  await watch.measure('delete', () => controller.DeleteVolume({ volumeId }));
}
