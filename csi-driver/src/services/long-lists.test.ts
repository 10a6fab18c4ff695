import { csiRoot } from '@berth/protos';
import { expect, test } from 'vitest';
import { serviceHarness } from './service.harness.ts';

const count = 100_000;
const written = 250;

const nothing = { make: async () => undefined, unmake: async () => undefined };

/** The first of them have about the largest context the spec allows. */
async function scene() {
  const h = serviceHarness();
  const large = { 'csi.berth.local/note': 'ü'.repeat(2000) };
  for (let at = 0; at < count; at += written) {
    const volumes = Array.from({ length: written }, (_, index) => {
      const name = `v${at + index}`;
      const context = at + index < 1200 ? large : {};
      return { id: name, name, capacityBytes: 4096, backend: 'directory', parameters: {}, context };
    });
    await Promise.all(volumes.map((volume) => h.context.catalog.add(volume, nothing)));
  }
  const page = async (startingToken: string, maxEntries = 0) => {
    const answer = await h.call('ListVolumes')({ startingToken, maxEntries });
    const type = csiRoot.lookupType('csi.v1.ListVolumesResponse');
    const bytes = type.encode(type.fromObject(answer)).finish().length;
    const { entries, nextToken } = answer as { entries: { volume: { volumeId: string } }[]; nextToken: string };
    return { ids: entries.map(({ volume }) => volume.volumeId), nextToken, bytes };
  };
  return Object.assign(h, { page });
}

test('100,000 volumes are listed once each, in messages that gRPC takes, while others come and go', async () => {
  await using h = await scene();
  const seen: string[] = [];
  let token = '';
  let pages = 0;
  do {
    const { ids, nextToken, bytes } = await h.page(token);
    expect(bytes).toBeLessThan(4 * 1024 ** 2);
    seen.push(...ids);
    token = nextToken;
    pages++;
    if (pages % 20 === 1) {
      // The volume the token is about, and one of the next page, go; a new one comes.
      await h.context.catalog.remove(ids.at(-1) ?? '');
      await h.context.catalog.remove(`v${seen.length + 5}`);
      await h.createVolume(`new-${pages}`);
    }
  } while (token !== '');
  const old = seen.filter((id) => id.startsWith('v'));
  expect(new Set(seen).size).toBe(seen.length);
  expect(old.length).toBe(count - Math.ceil(pages / 20));
  expect(seen.length - old.length).toBe(Math.ceil(pages / 20));
  expect((await h.page('', 100_000)).ids.length).toBeLessThanOrEqual(1000);
  expect((await h.page('', 7)).ids).toHaveLength(7);
});
