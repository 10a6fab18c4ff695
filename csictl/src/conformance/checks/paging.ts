import { type Check, expectCode, fail } from '../check.ts';
import type { Subject } from '../subject.ts';

const create = ['controller:CREATE_DELETE_VOLUME'] as const;

interface Page {
  readonly ids: readonly string[];
  readonly nextToken: string;
}

type List = (maxEntries: number, startingToken: string) => Promise<Page>;

/** Lists and their tokens (CSI spec, ListVolumes and ListSnapshots). */
export const pagingChecks: readonly Check[] = [
  {
    id: 'pages.list-volumes',
    section: 'ListVolumes',
    rule: 'Pages of one entry, followed by their tokens, hold each volume; a page has no more entries than asked for.',
    needs: [...create, 'controller:LIST_VOLUMES'],
    run: async (subject) => {
      const made: string[] = [];
      for (let n = 0; n < 3; n++) made.push((await subject.create()).volumeId);
      await followsPages(volumeLister(subject), made);
      const volumeId = made.pop() ?? '';
      await subject.controller.DeleteVolume({ volumeId });
      const { ids } = await allPages(volumeLister(subject), 0);
      if (ids.includes(volumeId)) fail('a deleted volume is listed');
    },
  },
  {
    id: 'pages.list-snapshots',
    section: 'ListSnapshots',
    rule: 'Pages of one entry, followed by their tokens, hold each snapshot; filters by id and by source do what they say.',
    needs: [...create, 'controller:CREATE_DELETE_SNAPSHOT', 'controller:LIST_SNAPSHOTS'],
    run: async (subject) => {
      const { volumeId: sourceVolumeId } = await subject.create();
      const made: string[] = [];
      for (let n = 0; n < 3; n++) made.push((await subject.snapshot(sourceVolumeId)).snapshotId);
      await followsPages(snapshotLister(subject), made);
      const bySource = await subject.controller.ListSnapshots({ sourceVolumeId });
      if (bySource.entries.length !== made.length) fail(`the source has ${bySource.entries.length} snapshots, not 3`);
      const byId = await subject.controller.ListSnapshots({ snapshotId: made[0] ?? '' });
      if (byId.entries.length !== 1) fail(`an id is found ${byId.entries.length} times`);
    },
  },
  {
    id: 'pages.wrong-token',
    section: 'ListVolumes Errors',
    rule: 'A token the plugin never gave is ABORTED.',
    needs: ['controller:LIST_VOLUMES'],
    run: async (subject) => {
      for (const startingToken of ['csictl-no-token', '-1', '../x', '\u0000', 'x'.repeat(128)])
        await expectCode(
          `the token ${JSON.stringify(startingToken.slice(0, 20))}`,
          subject.controller.ListVolumes({ startingToken }),
          'ABORTED',
          // Its characters may already be refused as a field's.
          ...(startingToken === '\u0000' ? (['INVALID_ARGUMENT'] as const) : []),
        );
    },
  },
  {
    id: 'pages.negative-size',
    section: 'ListVolumes',
    rule: 'A negative max_entries is INVALID_ARGUMENT.',
    needs: ['controller:LIST_VOLUMES'],
    run: async (subject) => {
      const call = subject.controller.ListVolumes({ maxEntries: -1 });
      await expectCode('max_entries of -1', call, 'INVALID_ARGUMENT');
    },
  },
];

function volumeLister({ controller }: Subject): List {
  return async (maxEntries, startingToken) => {
    const { entries, nextToken } = await controller.ListVolumes({ maxEntries, startingToken });
    return { ids: entries.map(({ volume }) => volume?.volumeId ?? ''), nextToken };
  };
}

function snapshotLister({ controller }: Subject): List {
  return async (maxEntries, startingToken) => {
    const { entries, nextToken } = await controller.ListSnapshots({ maxEntries, startingToken });
    return { ids: entries.map(({ snapshot }) => snapshot?.snapshotId ?? ''), nextToken };
  };
}

/** A driver with a million volumes is not asked for each of them one by one. */
const mostPages = 2000;

async function allPages(list: List, size: number): Promise<{ ids: string[]; isWhole: boolean }> {
  const ids: string[] = [];
  let token = '';
  for (let page = 0; page < mostPages; page++) {
    const answer = await list(size, token);
    if (size > 0 && answer.ids.length > size) fail(`a page of ${size} has ${answer.ids.length} entries`);
    ids.push(...answer.ids);
    token = answer.nextToken;
    if (token === '') return { ids, isWhole: true };
  }
  return { ids, isWhole: false };
}

async function followsPages(list: List, made: readonly string[]): Promise<void> {
  for (const size of [0, 1, 2]) {
    const { ids, isWhole } = await allPages(list, size);
    const missing = made.filter((id) => !ids.includes(id));
    if (isWhole && missing.length > 0) fail(`pages of ${size || 'any'} entries do not hold ${missing.join(', ')}`);
  }
}
