import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { getXattr, linuxMounter } from '@berth/linux';
import { expect, test } from 'vitest';
import {
  type Compression,
  type ImageWorld,
  imageParts,
  imageWorld,
  ociLayout,
  partsOf,
} from '../harness/image-world.ts';
import { type TarItem, tarOf } from '../harness/tar-builder.ts';

const name = 'example.com/app:1';

async function load(world: ImageWorld, layers: readonly (readonly TarItem[])[], compression: Compression = 'plain') {
  const file = join(world.directory, 'image.tar');
  await writeFile(file, ociLayout(name, imageParts(layers, { compression })));
  await world.images.load(file);
  return world.mount(name);
}

const mountsOf = ({ folder }: ImageWorld) =>
  linuxMounter.mounts().filter(({ mountPoint }) => mountPoint.startsWith(`${folder}/`));

test.each<Compression>(['plain', 'gzip', 'zstd'])(
  '%s layers lie over each other, and nothing stays mounted',
  async (compression) => {
    await using world = await imageWorld();
    const root = await load(
      world,
      [
        [
          { name: 'a', content: 'old' },
          { name: 'only-below', content: 'below' },
        ],
        [
          { name: './a', content: 'new' },
          { name: 'dir/deep/x', content: 'x' },
        ],
      ],
      compression,
    );
    expect(readFileSync(join(root, 'a'), 'utf8')).toBe('new');
    expect(readFileSync(join(root, 'only-below'), 'utf8')).toBe('below');
    expect(readFileSync(join(root, 'dir/deep/x'), 'utf8')).toBe('x');
    expect(mountsOf(world)).toEqual([]);
    for (const layer of readdirSync(join(world.folder, 'layers')))
      expect(readdirSync(join(world.folder, 'layers', layer))).toEqual(['fs']);
  },
);

test('whiteouts hide what is below and spare what their own layer brings, before or after them', async () => {
  await using world = await imageWorld();
  const root = await load(world, [
    [
      { name: 'file', content: 'below' },
      { name: 'dir/below', content: 'below' },
      { name: 'dir/sub/below', content: 'below' },
      { name: 'replaced', content: 'a file' },
      { name: 'kept/below', content: 'below' },
    ],
    [
      { name: '.wh.file' },
      { name: 'dir/own', content: 'own' },
      { name: 'dir/sub/own', content: 'own' },
      { name: 'dir/.wh..wh..opq' },
      { name: 'dir/later', content: 'later' },
      { name: '.wh.replaced' },
      { name: 'replaced/', type: 'dir' },
      { name: 'kept/.wh.absent' },
    ],
  ]);
  expect(readdirSync(root).sort()).toEqual(['dir', 'kept', 'replaced']);
  expect(readdirSync(join(root, 'dir')).sort()).toEqual(['later', 'own', 'sub']);
  expect(readdirSync(join(root, 'dir/sub'))).toEqual(['own']);
  expect(readdirSync(join(root, 'replaced'))).toEqual([]);
  expect(readdirSync(join(root, 'kept'))).toEqual(['below']);
});

test('a directory replaces a file or link, a file a directory, and a directory keeps what it has', async () => {
  await using world = await imageWorld();
  const root = await load(world, [
    [
      { name: 'was-file', content: 'x' },
      { name: 'was-link', type: 'symlink', linkName: 'target' },
      { name: 'target/inside', content: 'x' },
      { name: 'was-dir/inside', content: 'x' },
      { name: 'merged/below', content: 'x' },
    ],
    [
      { name: 'was-file/', type: 'dir', mode: 0o700 },
      { name: 'was-link/', type: 'dir' },
      { name: 'was-dir', content: 'now a file' },
      { name: 'merged/', type: 'dir', mode: 0o750, uid: 5 },
      { name: 'merged/above', content: 'x' },
    ],
  ]);
  expect(lstatSync(join(root, 'was-file')).mode & 0o7777).toBe(0o700);
  expect(lstatSync(join(root, 'was-link')).isDirectory()).toBe(true);
  expect(readdirSync(join(root, 'target'))).toEqual(['inside']);
  expect(readFileSync(join(root, 'was-dir'), 'utf8')).toBe('now a file');
  expect(readdirSync(join(root, 'merged')).sort()).toEqual(['above', 'below']);
  expect(statSync(join(root, 'merged'))).toMatchObject({ uid: 5 });
});

test('entries go through links of lower layers, as /lib on a merged /usr, with directories the layer left out', async () => {
  await using world = await imageWorld();
  const root = await load(world, [
    [
      { name: 'usr/lib/', type: 'dir' },
      { name: 'lib', type: 'symlink', linkName: 'usr/lib' },
      { name: 'abs', type: 'symlink', linkName: '/usr' },
    ],
    [
      { name: 'lib/new/deep/file', content: 'x' },
      { name: 'abs/lib/y', content: 'y' },
    ],
  ]);
  expect(readlinkSync(join(root, 'lib'))).toBe('usr/lib');
  expect(readFileSync(join(root, 'usr/lib/new/deep/file'), 'utf8')).toBe('x');
  expect(readFileSync(join(root, 'usr/lib/y'), 'utf8')).toBe('y');
});

test('hard links, devices, fifos, set-id bits, owners, times and file capabilities are as the layer says', async () => {
  await using world = await imageWorld();
  const capability = Buffer.from('0100000200048000000000000000000000000000', 'hex');
  const pax = { 'SCHILY.xattr.security.capability': capability, 'SCHILY.xattr.trusted.overlay.opaque': 'y' };
  const root = await load(world, [
    [{ name: 'below', content: 'below' }],
    [
      { name: 'bin/prog', content: 'prog', mode: 0o4755, uid: 10, gid: 20, mtime: 1234, pax },
      { name: 'bin/same', type: 'link', linkName: 'bin/prog' },
      { name: 'linked', type: 'link', linkName: '/below' },
      { name: 'self', content: 'self' },
      { name: 'self', type: 'link', linkName: 'self' },
      { name: 'dangling', type: 'symlink', linkName: '/no/where', uid: 7 },
      { name: 'dev/null', type: 'char', device: [1, 3], mode: 0o666 },
      { name: 'dev/loop', type: 'block', device: [7, 300] },
      { name: 'pipe', type: 'fifo', mode: 0o600 },
      { name: 'tmp/', type: 'dir', mode: 0o1777, mtime: 77 },
      { name: 'tmp/in', content: 'x' },
    ],
  ]);
  const prog = statSync(join(root, 'bin/prog'));
  expect(prog).toMatchObject({ uid: 10, gid: 20, mtimeMs: 1_234_000, nlink: 2 });
  expect(prog.mode & 0o7777).toBe(0o4755);
  expect(statSync(join(root, 'bin/same')).ino).toBe(prog.ino);
  expect(getXattr(join(root, 'bin/prog'), 'security.capability')).toEqual(capability);
  expect(getXattr(join(root, 'bin/prog'), 'trusted.overlay.opaque')).toBeUndefined();
  expect(readFileSync(join(root, 'linked'), 'utf8')).toBe('below');
  expect(readFileSync(join(root, 'self'), 'utf8')).toBe('self');
  expect(lstatSync(join(root, 'dangling')).uid).toBe(7);
  expect(lstatSync(join(root, 'dev/null')).isCharacterDevice()).toBe(true);
  expect(lstatSync(join(root, 'dev/null')).rdev).toBe(0x103);
  expect(lstatSync(join(root, 'dev/loop'), { bigint: true }).rdev).toBe(
    (7n << 8n) | (300n & 0xffn) | ((300n & ~0xffn) << 12n),
  );
  expect(lstatSync(join(root, 'pipe')).isFIFO()).toBe(true);
  expect(statSync(join(root, 'tmp'))).toMatchObject({ mtimeMs: 77_000 });
  expect(statSync(join(root, 'tmp')).mode & 0o7777).toBe(0o1777);
});

test('names and links that want out of the image stay in it', async () => {
  await using world = await imageWorld();
  const victim = join(world.directory, 'victim');
  await mkdir(victim);
  writeFileSync(join(victim, 'secret'), 'untouched');
  const root = await load(world, [
    [
      { name: '../../../escaped', content: 'x' },
      { name: `/${'../'.repeat(10)}up/file`, content: 'x' },
      { name: 'out', type: 'symlink', linkName: victim },
      { name: 'up', type: 'symlink', linkName: '../../../../../../..' },
      { name: `${victim.slice(1)}/`, type: 'dir' },
    ],
    [
      { name: 'out/planted', content: 'x' },
      { name: 'out/.wh.secret' },
      { name: 'out/.wh..wh..opq' },
      { name: 'up/etc/planted', content: 'x' },
    ],
  ]);
  expect(readdirSync(victim)).toEqual(['secret']);
  expect(readFileSync(join(victim, 'secret'), 'utf8')).toBe('untouched');
  expect(existsSync('/etc/planted')).toBe(false);
  expect(readFileSync(join(root, 'escaped'), 'utf8')).toBe('x');
  expect(readFileSync(join(root, victim.slice(1), 'planted'), 'utf8')).toBe('x');
});

test.each<[string, readonly TarItem[], RegExp]>([
  [
    'a hard link to a file outside',
    [{ name: 'x', type: 'link', linkName: '../../../etc/passwd' }],
    /layer entry "x" cannot be made/,
  ],
  ['a hard link to the root', [{ name: 'x', type: 'link', linkName: '/' }], /layer entry "x" cannot be made/],
  ['a whiteout of ..', [{ name: 'a/.wh...' }], /whiteout of no name/],
  ['a name too long for a file', [{ name: 'a', pax: { path: 'n'.repeat(300) } }], /cannot be made/],
  [
    'a path through a link in a circle',
    [{ name: 'l', type: 'symlink', linkName: 'l' }, { name: 'l/x' }],
    /cannot be made/,
  ],
  ['a path through a file', [{ name: 'f', content: 'x' }, { name: 'f/x' }], /cannot be made/],
])('a layer with %s is refused, and nothing of it stays', async (_, items, message) => {
  await using world = await imageWorld();
  await expect(load(world, [[{ name: 'base' }], items])).rejects.toThrow(message);
  expect(await world.images.list()).toEqual([]);
  expect(readdirSync(join(world.folder, 'layers'))).toEqual([]);
  expect(readdirSync(join(world.folder, 'blobs/sha256'))).toEqual([]);
  expect(mountsOf(world)).toEqual([]);
});

test('a layer that unpacks to something else than its config says is refused', async () => {
  await using world = await imageWorld();
  const file = join(world.directory, 'image.tar');
  await writeFile(file, ociLayout(name, imageParts([[{ name: 'a' }]], { diffIds: [`sha256:${'0'.repeat(64)}`] })));
  await expect(world.images.load(file)).rejects.toThrow(/unpacks to sha256:.*, not sha256:000/);
  const short = partsOf([tarOf({ name: 'a', content: 'x'.repeat(4000) }).subarray(0, 2000)]);
  await writeFile(file, ociLayout(name, short));
  await expect(world.images.load(file)).rejects.toThrow(/cut short/);
  expect(await world.images.list()).toEqual([]);
});

test('an image of 120 layers unpacks and mounts', async () => {
  await using world = await imageWorld();
  const root = await load(
    world,
    Array.from({ length: 120 }, (_, index) => [{ name: `f${index}`, content: String(index) }]),
  );
  expect(readdirSync(root)).toHaveLength(120);
  expect(readFileSync(join(root, 'f119'), 'utf8')).toBe('119');
});

test('a full disk is told, and leaves nothing', async () => {
  await using world = await imageWorld();
  await mkdir(world.folder, { recursive: true });
  linuxMounter.mount({ fsType: 'tmpfs', source: 'berth-test', target: world.folder, options: ['size=1500k'] });
  const images = await world.open();
  const file = join(world.directory, 'image.tar');
  const content = Buffer.alloc(1_000_000, 'x');
  await writeFile(file, ociLayout(name, imageParts([[{ name: 'big', content }]])));
  await expect(images.load(file)).rejects.toMatchObject({ code: 'Full' });
  await writeFile(file, ociLayout(name, imageParts([[{ name: 'big', content: Buffer.alloc(3_000_000) }]])));
  await expect(images.load(file)).rejects.toMatchObject({ code: 'Full' });
  expect(await images.list()).toEqual([]);
  expect(
    readdirSync(world.folder)
      .filter((entry) => entry !== 'content.lock' && entry !== 'lock')
      .sort(),
  ).toEqual(['blobs', 'layers']);
  expect(readdirSync(join(world.folder, 'layers'))).toEqual([]);
  expect(readdirSync(join(world.folder, 'blobs'))).toEqual(['sha256']);
});

test('the process answers while a large layer unpacks', async () => {
  await using world = await imageWorld();
  const many = Array.from({ length: 3000 }, (_, index) => ({
    name: `d${index % 50}/f${index}`,
    content: 'x'.repeat(200),
  }));
  const file = join(world.directory, 'image.tar');
  await writeFile(
    file,
    ociLayout(
      name,
      imageParts([[{ name: 'big', content: Buffer.alloc(64_000_000, 'y') }, ...many]], { compression: 'gzip' }),
    ),
  );
  let longest = 0;
  let before = process.threadCpuUsage();
  const timer = setInterval(() => {
    const { user, system } = process.threadCpuUsage(before);
    longest = Math.max(longest, (user + system) / 1000);
    before = process.threadCpuUsage();
  }, 5);
  await world.images.load(file);
  clearInterval(timer);
  // Of the thread's own work: reading it in one go takes longer.
  expect(longest).toBeLessThan(500);
});
