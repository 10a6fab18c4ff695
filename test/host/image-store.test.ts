import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import { type ImageBuilder, madeFromLabel } from '../../orchestrator/src/images/built-images.ts';
import type { ContentStore } from '../../orchestrator/src/images/content-store.ts';
import { toolsImage, toolsImageName } from '../../orchestrator/src/images/tools-image.ts';
import { mountOverlay } from '../../orchestrator/src/runtime/overlay-mount.ts';
import { webServerRecipe, writeDockerArchive } from '../harness/image-archive.ts';
import { type ImageWorld, imageParts, imageWorld, ociLayout } from '../harness/image-world.ts';
import { digestOf, tarOf } from '../harness/tar-builder.ts';

async function archive(world: ImageWorld, name: string, text: string): Promise<string> {
  const file = join(world.directory, `${text}.tar`);
  await writeFile(file, ociLayout(name, imageParts([[{ name: 'base' }], [{ name: 'text', content: text }]])));
  return file;
}

const layers = ({ folder }: ImageWorld) => readdirSync(join(folder, 'layers'));
const blobs = ({ folder }: ImageWorld) => readdirSync(join(folder, 'blobs/sha256'));
const text = async (world: ImageWorld, name: string) => readFileSync(join(await world.mount(name), 'text'), 'utf8');

test('docker save archives load, with layers repeated by links and several names', async () => {
  await using world = await imageWorld();
  const { config, blobs: tars } = imageParts([[{ name: 'a', content: 'a' }], [{ name: 'b' }], [{ name: 'b' }]]);
  const manifest = [
    {
      Config: 'config.json',
      RepoTags: ['web:1', 'registry.k8s.io/web:2'],
      Layers: ['1/layer.tar', '2/layer.tar', '3/layer.tar'],
    },
  ];
  const file = join(world.directory, 'docker.tar');
  await writeFile(
    file,
    tarOf(
      { name: '1/layer.tar', content: tars[0] as Buffer },
      { name: '2/layer.tar', content: tars[1] as Buffer },
      { name: '3/layer.tar', type: 'symlink', linkName: '../2/layer.tar' },
      { name: 'config.json', content: config },
      { name: 'manifest.json', content: JSON.stringify(manifest) },
    ),
  );
  const [image] = await world.images.load(file);
  expect(image).toMatchObject({
    id: digestOf(config),
    names: ['docker.io/library/web:1', 'registry.k8s.io/web:2'],
    repoDigests: [],
  });
  expect(readFileSync(join(await world.mount('web:1'), 'a'), 'utf8')).toBe('a');
});

test('layers are on disk once: their blobs go when they are unpacked', async () => {
  await using world = await imageWorld();
  await world.images.load(await archive(world, 'a:1', 'one'));
  expect(layers(world)).toHaveLength(2);
  expect(blobs(world)).toHaveLength(2);
  await world.images.load(await archive(world, 'b:1', 'two'));
  expect(layers(world)).toHaveLength(3);
});

test('an image is found by name, by digest, by id and by the start of its id', async () => {
  await using world = await imageWorld();
  const [image] = await world.images.load(await archive(world, 'a:1', 'one'));
  const { id = '', manifest } = image ?? {};
  for (const reference of [
    'a:1',
    'docker.io/library/a:1',
    `a@${manifest}`,
    `a:9@${manifest}`,
    id,
    id.slice(7),
    id.slice(7, 19),
    id.slice(0, 15),
  ])
    expect((await world.images.find(reference))?.id, reference).toBe(id);
  for (const reference of ['a', 'b:1', `b@${manifest}`, `sha256:${'0'.repeat(64)}`, id.slice(7, 12)])
    expect(await world.images.find(reference), reference).toBeUndefined();
});

test('a name taken away leaves the others; with the last one the image goes', async () => {
  await using world = await imageWorld();
  const { images } = world;
  const [image] = await images.load(await archive(world, 'a:1', 'one'));
  await images.tag('a:1', 'other/name:2');
  await expect(images.tag('nothing', 'x')).rejects.toMatchObject({ code: 'NotFound' });
  await expect(images.tag('a:1', `x@${image?.manifest}`)).rejects.toMatchObject({ code: 'Invalid' });
  // Of an archive, the names it gave, not all that its image has.
  expect(await images.load(await archive(world, 'a:1', 'one'))).toMatchObject([{ names: ['docker.io/library/a:1'] }]);
  expect(await images.remove('a:1')).toEqual(['docker.io/library/a:1']);
  expect(await text(world, 'other/name:2')).toBe('one');
  await images.tag('other/name:2', 'third:1');
  expect(await images.remove((image?.id ?? '').slice(7, 19))).toEqual([
    'docker.io/library/third:1',
    'docker.io/other/name:2',
  ]);
  expect([layers(world), blobs(world), await images.list()]).toEqual([[], [], []]);
  await expect(images.remove('a:1')).rejects.toThrow('image "a:1" is not on this machine; see: berth image list');
});

test('an image that a container uses stays, also when a newer one takes its name', async () => {
  await using world = await imageWorld();
  const { images, used } = world;
  const [old] = await images.load(await archive(world, 'a:1', 'one'));
  used.add(old?.id ?? '');
  await expect(images.remove('a:1')).rejects.toMatchObject({ code: 'InUse' });
  await images.load(await archive(world, 'a:1', 'two'));
  expect(await text(world, 'a:1')).toBe('two');
  expect(await text(world, old?.id ?? '')).toBe('one');
  expect((await images.list()).map(({ names }) => names)).toEqual([[], ['docker.io/library/a:1']]);
  used.clear();
  // For a while it may still be on its way into a container's record.
  await images.prune();
  expect(await images.find(old?.id ?? '')).toBeDefined();
  world.later(120_000);
  await images.prune();
  expect(await images.find(old?.id ?? '')).toBeUndefined();
  expect(layers(world)).toHaveLength(2);
});

test('what another process loads, tags and removes is seen at once', async () => {
  await using world = await imageWorld();
  const other = await world.open();
  await other.load(await archive(world, 'a:1', 'one'));
  expect(await text(world, 'a:1')).toBe('one');
  await world.images.remove('a:1');
  expect(await other.find('a:1')).toBeUndefined();
});

test('many loads and removals of several openers at once end with whole images', async () => {
  await using world = await imageWorld();
  const openers = await Promise.all(Array.from({ length: 4 }, () => world.open()));
  const files = await Promise.all(['one', 'two', 'three'].map((name) => archive(world, `${name}:1`, name)));
  await Promise.all(
    openers.flatMap((images, index) =>
      files.map(async (file, which) => {
        await images.load(file);
        if ((index + which) % 2 === 0)
          await images.remove(`${['one', 'two', 'three'][which]}:1`).catch(() => undefined);
      }),
    ),
  );
  await Promise.all(files.map((file) => world.images.load(file)));
  for (const name of ['one', 'two', 'three']) expect(await text(world, `${name}:1`)).toBe(name);
  expect(layers(world)).toHaveLength(4);
  expect(blobs(world)).toHaveLength(6);
});

test('what a process killed in the middle left is removed, its mount too', async () => {
  await using world = await imageWorld();
  await world.images.load(await archive(world, 'a:1', 'one'));
  const left = join(world.folder, 'layers/unpacking-0123-4567');
  for (const name of ['fs', 'work', 'merged']) await mkdir(join(left, name), { recursive: true });
  const [lower = ''] = layers(world).map((name) => join(world.folder, 'layers', name, 'fs'));
  await mountOverlay({
    layers: [lower],
    upper: join(left, 'fs'),
    work: join(left, 'work'),
    target: join(left, 'merged'),
  });
  await writeFile(join(left, 'merged/half'), 'x');
  await writeFile(join(world.folder, 'blobs/incoming-1234'), 'half');
  await writeFile(join(world.folder, `blobs/sha256/${'0'.repeat(64)}`), 'of no image');
  await world.images.prune();
  expect(existsSync(left)).toBe(false);
  expect(linuxMounter.mounts().some(({ mountPoint }) => mountPoint.startsWith(left))).toBe(false);
  expect(readdirSync(join(world.folder, 'blobs'))).toEqual(['sha256']);
  expect(blobs(world)).toHaveLength(2);
  expect(await text(world, 'a:1')).toBe('one');
});

test('kill -9 at any moment of a load leaves the old images or the new, whole', async () => {
  await using world = await imageWorld();
  await world.images.load(await archive(world, 'a:1', 'one'));
  const file = join(world.directory, 'web.tar');
  await writeDockerArchive(file, webServerRecipe('web:1'));
  const berth = join(process.env['BERTH_DIST'] ?? join(import.meta.dirname, '../../dist'), 'berth.js');
  const args = ['--disable-warning=ExperimentalWarning', berth, 'image', 'load', file, '--data-dir', world.directory];
  let done = 0;
  // Ever later, until a load is done before: how long that takes is the machine's.
  for (let afterMs = 150; done < 2; afterMs *= 1.2) {
    const child = spawn(process.execPath, args, { stdio: 'ignore' });
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const timer = setTimeout(() => child.kill('SIGKILL'), afterMs);
    if ((await ended) === 0) done++;
    clearTimeout(timer);
    expect(await text(world, 'a:1')).toBe('one');
    const web = await world.images.find('web:1');
    if (web) expect(existsSync(join(await world.mount('web:1'), 'bin/busybox'))).toBe(true);
    await world.images.prune();
    const expected = web ? 4 : 2;
    expect([layers(world).length, blobs(world).length]).toEqual([expected, web ? 4 : 2]);
    if (web) await world.images.remove('web:1');
  }
});

test('an image whose layer someone deleted is as good as absent, so that it is pulled again', async () => {
  await using world = await imageWorld();
  await world.images.load(await archive(world, 'a:1', 'one'));
  await rm(join(world.folder, 'layers'), { recursive: true });
  expect(await world.images.resolve('a:1')).toBeUndefined();
  await world.images.load(await archive(world, 'a:1', 'one'));
  expect(await text(world, 'a:1')).toBe('one');
});

/** Builds an image that says what it was made from; counts how often. */
class TestBuilder implements ImageBuilder {
  madeFrom = 'v1';
  builds = 0;
  fails = false;

  async isCurrent(madeFrom: string): Promise<boolean> {
    return madeFrom === this.madeFrom;
  }

  async build(content: ContentStore): Promise<string> {
    this.builds++;
    if (this.fails) throw new Error('no such program');
    const config = { config: { Labels: { [madeFromLabel]: this.madeFrom } } };
    const image = imageParts([[{ name: 'text', content: this.madeFrom }]], { config });
    for (const blob of [image.config, ...image.blobs]) await content.write([blob]);
    return content.write([image.manifest]);
  }
}

test('an image of this machine is made once when asked for, again when removed, and anew when its parts change', async () => {
  await using world = await imageWorld();
  const { images } = world;
  const builder = new TestBuilder();
  const name = 'berth.local/made:latest';
  images.provide(name, builder);
  builder.fails = true;
  await expect(images.pull(name)).rejects.toThrow('no such program');
  builder.fails = false;
  await Promise.all([images.pull(name), images.resolve(name), images.find(name)]);
  expect(builder.builds).toBe(2);
  await images.refresh(name);
  expect([builder.builds, await text(world, name)]).toEqual([2, 'v1']);
  builder.madeFrom = 'v2';
  await images.refresh(name);
  expect([builder.builds, await text(world, name)]).toEqual([3, 'v2']);
  expect(await images.remove(name)).toEqual([name]);
  expect(await text(world, name)).toBe('v2');
  expect(builder.builds).toBe(4);
});

test('the tools image is made anew when this machine gets another Node, and not before', async () => {
  await using world = await imageWorld();
  const { images } = world;
  const node = join(world.directory, 'node');
  await copyFile('/bin/true', node);
  images.provide(toolsImageName, toolsImage(node));
  const first = await images.pull(toolsImageName);
  await images.refresh(toolsImageName);
  expect((await images.find(toolsImageName))?.id).toBe(first.id);
  await copyFile('/bin/busybox', node);
  await images.refresh(toolsImageName);
  const root = await world.mount(toolsImageName);
  expect(statSync(join(root, 'usr/local/bin/node')).size).toBe(statSync('/bin/busybox').size);
  expect(
    execFileSync('chroot', [root, 'sh', '-c', 'ls /usr/bin/sh; id -un; hostname -h 2>&1 | head -1 | wc -l'], {
      encoding: 'utf8',
    }),
  ).toBe('/usr/bin/sh\nroot\n1\n');
});

const parts = imageParts([[{ name: 'a' }]]);
const bare = (manifest: unknown) => tarOf({ name: 'manifest.json', content: JSON.stringify(manifest) });
const blobName = (blob: Buffer) => `blobs/sha256/${digestOf(blob).slice(7)}`;
const withIndex = (index: unknown) =>
  tarOf({ name: 'index.json', content: typeof index === 'string' ? index : JSON.stringify(index) });

test.each<[string, Buffer, RegExp]>([
  ['empty', Buffer.alloc(0), /neither manifest.json/],
  ['no image', tarOf({ name: 'hello', content: 'world' }), /neither manifest.json \(docker save\) nor index.json/],
  ['cut short', ociLayout('a:1', parts).subarray(0, 1400), /cut short|not whole/],
  [
    'gzip, cut short',
    Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), Buffer.alloc(20)]),
    /compressed data is damaged/,
  ],
  ['an index that is no JSON', withIndex('{'), /is not JSON/],
  ['an index that lists nothing', withIndex({}), /does not list manifests/],
  [
    'an index with a hostile digest',
    withIndex({ manifests: [{ digest: '../../../../etc/passwd' }] }),
    /not a sha256 digest/,
  ],
  ['an index of another platform', withIndex({ manifests: [] }), /holds no image for this machine/],
  ['a docker manifest of another shape', bare({ a: 1 }), /not a list of images/],
  ['a docker manifest without layers', bare([{ Config: 'c' }]), /with Config, Layers and RepoTags/],
  ['a docker manifest of files it lacks', bare([{ Config: 'c', Layers: [] }]), /names c and does not hold it/],
  ['a docker manifest of null', bare([null]), /with Config, Layers and RepoTags/],
  [
    'a blob of other content than its name says',
    Buffer.from(ociLayout('a:1', { ...parts, blobs: [] }).toString('latin1'), 'latin1'),
    /does not hold layer sha256:/,
  ],
  [
    'a manifest and a config that disagree',
    ociLayout('a:1', imageParts([[{ name: 'a' }]], { diffIds: [] })),
    /config and manifest disagree about its layers/,
  ],
  ['a config without layers', ociLayout('a:1', imageParts([], { config: { rootfs: null } })), /rootfs.diff_ids/],
  ['a name no image can have', ociLayout('../a:1', parts), /invalid reference format/],
])('an archive that is %s is refused, and nothing changes', async (_, content, message) => {
  await using world = await imageWorld();
  const file = join(world.directory, 'bad.tar');
  await writeFile(file, content);
  await expect(world.images.load(file)).rejects.toThrow(message);
  await expect(world.images.load(file)).rejects.toMatchObject({ code: 'Invalid' });
  expect([await world.images.list(), layers(world)]).toEqual([[], []]);
  expect(existsSync(join(world.folder, 'blobs/sha256')) ? blobs(world) : []).toEqual([]);
});

test('a file of an OCI layout that is not what its name says is refused', async () => {
  await using world = await imageWorld();
  const [layer = Buffer.alloc(0)] = parts.blobs;
  const file = join(world.directory, 'bad.tar');
  await writeFile(
    file,
    ociLayout('a:1', { ...parts, blobs: [] }, [{ name: blobName(layer), content: 'something else' }]),
  );
  await expect(world.images.load(file)).rejects.toThrow(/or holds something else by that name/);
});
