import { join } from 'node:path';
import { asGrpcError, type GrpcCode } from '@berth/protos';
import { type Check, codeOf, fail } from '../check.ts';
import type { Subject } from '../subject.ts';

const create = ['controller:CREATE_DELETE_VOLUME'] as const;
const atOnce = 16;

/** Calls that come at once (CSI spec, "Concurrency"): each is answered as if it came alone, or with ABORTED. */
export const concurrencyChecks: readonly Check[] = [
  {
    id: 'concurrent.create-same-name',
    section: 'Concurrency; CreateVolume',
    rule: '16 CreateVolume of one name at once make one volume; those that are not OK are ABORTED.',
    needs: create,
    run: async (subject) => {
      const request = subject.request();
      const ids = new Set<string>();
      await together('CreateVolume', async () => {
        const { volume } = await subject.controller.CreateVolume(request);
        ids.add(volume?.volumeId ?? '');
      });
      ids.add((await subject.controller.CreateVolume(request)).volume?.volumeId ?? '');
      if (ids.size !== 1) fail(`one name became ${ids.size} volumes`);
    },
  },
  {
    id: 'concurrent.create-different-names',
    section: 'Concurrency',
    rule: '16 CreateVolume of different names at once are all OK.',
    needs: create,
    run: async (subject) => {
      const created = await Promise.all(Array.from({ length: atOnce }, () => subject.create()));
      const ids = new Set(created.map(({ volumeId }) => volumeId));
      if (ids.size !== atOnce) fail(`${atOnce} names became ${ids.size} volumes`);
    },
  },
  {
    id: 'concurrent.delete-same',
    section: 'Concurrency; DeleteVolume',
    rule: '16 DeleteVolume of one volume at once are OK or ABORTED, and it is gone.',
    needs: create,
    run: async (subject) => {
      const { volumeId } = await subject.create();
      await together('DeleteVolume', () => subject.controller.DeleteVolume({ volumeId }));
      await subject.controller.DeleteVolume({ volumeId });
      const volumeCapabilities = [subject.capability()];
      const code = await codeOf(subject.controller.ValidateVolumeCapabilities({ volumeId, volumeCapabilities }));
      if (code !== 'NOT_FOUND') fail(`a deleted volume is validated with ${code}`);
    },
  },
  {
    id: 'concurrent.create-and-delete',
    section: 'Concurrency',
    rule: 'Creating and deleting under one name at once ends in a volume or in none, never in an error other than ABORTED.',
    needs: create,
    run: async (subject) => {
      const request = subject.request();
      for (let round = 0; round < 4; round++) {
        const { volume } = await subject.controller.CreateVolume(request);
        const volumeId = volume?.volumeId ?? '';
        let turn = 0;
        await together('CreateVolume beside DeleteVolume', () =>
          turn++ % 2 === 0 ? subject.controller.DeleteVolume({ volumeId }) : subject.controller.CreateVolume(request),
        );
        const last = await subject.controller.CreateVolume(request);
        await subject.controller.DeleteVolume({ volumeId: last.volume?.volumeId ?? '' });
      }
    },
  },
  {
    id: 'concurrent.node-calls-same-volume',
    section: 'Concurrency; NodePublishVolume',
    rule: 'Staging and publishing one volume 16 times at once mounts it once; calls are OK or ABORTED.',
    needs: [...create, 'mounts'],
    run: async (subject) => {
      const staged = await subject.stage(await subject.create());
      if (staged.stagingTargetPath !== '')
        await together('NodeStageVolume', () => subject.node.NodeStageVolume(subject.stageRequest(staged)));
      const target = join(subject.folder.directory('pod'), 'target');
      const publish = () => subject.node.NodePublishVolume(subject.publishRequest(staged, target));
      await together('NodePublishVolume', publish);
      await publish();
      const stacked = subject.folder.mounts().filter((path) => path === target).length;
      if (stacked !== 1) fail(`${stacked} mounts are at the target path`);
      await together('NodeUnpublishVolume', () => subject.unpublish(staged, target));
      await together('NodeUnstageVolume', () => subject.unstage(staged));
    },
  },
  {
    id: 'concurrent.node-calls-different-volumes',
    section: 'Concurrency',
    rule: 'Eight volumes are staged, published, unpublished and unstaged at once, each as if it were alone.',
    needs: [...create, 'mounts'],
    run: async (subject) => {
      const volumes = await Promise.all(Array.from({ length: 8 }, () => subject.create()));
      await Promise.all(volumes.map((volume, seed) => useOnce(subject, volume, seed)));
      const left = subject.folder.mounts();
      if (left.length > 0) fail(`mounts are left: ${left.join(', ')}`);
    },
  },
  {
    id: 'concurrent.cancelled-call',
    section: 'Timeouts',
    rule: 'A CreateVolume that was cancelled is completed by its repetition, which makes the one volume of the name.',
    needs: create,
    run: async (subject) => {
      for (let round = 0; round < 8; round++) {
        const request = subject.request();
        const caller = new AbortController();
        const call = codeOf(subject.controller.CreateVolume(request, { signal: caller.signal }));
        if (round > 0) await new Promise((resolve) => setImmediate(resolve));
        caller.abort();
        await call;
        const first = await untilDone(subject, () => subject.controller.CreateVolume(request));
        const second = await untilDone(subject, () => subject.controller.CreateVolume(request));
        if (first.volume?.volumeId !== second.volume?.volumeId) fail('the name has two volumes');
      }
    },
  },
];

async function useOnce(subject: Subject, volume: Parameters<Subject['stage']>[0], seed: number): Promise<void> {
  const staged = await subject.stage(volume);
  const target = await subject.publish(staged);
  subject.writeContent(target, seed);
  subject.expectContent('a volume beside others', target, seed);
  await subject.unpublish(staged, target);
  await subject.unstage(staged);
}

/** All at once: OK or ABORTED each, and one at least OK. */
async function together(what: string, call: () => Promise<unknown>): Promise<void> {
  const codes: GrpcCode[] = await Promise.all(Array.from({ length: atOnce }, () => codeOf(call())));
  const wrong = codes.find((code) => code !== 'OK' && code !== 'ABORTED');
  if (wrong) fail(`one of ${atOnce} ${what} at once gives ${wrong}`);
  if (!codes.includes('OK')) fail(`none of ${atOnce} ${what} at once is OK`);
}

/** Until the earlier call has let go of the volume. */
async function untilDone<T>(subject: Subject, call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (asGrpcError(error).code !== 'ABORTED' || attempt > 200) throw error;
      await subject.pause(20);
    }
  }
}
