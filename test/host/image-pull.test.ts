import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePort } from '../harness/free-port.ts';
import { type ImageWorld, imageParts, imageWorld, publish } from '../harness/image-world.ts';
import { TestRegistry } from '../harness/registry.ts';
import { digestOf } from '../harness/tar-builder.ts';

const repository = 'team/app';
const parts = imageParts(
  [[{ name: 'base', content: Buffer.alloc(300_000, 'b') }], [{ name: 'text', content: 'hello' }]],
  { compression: 'gzip' },
);
const [base = Buffer.alloc(0), top = Buffer.alloc(0)] = parts.blobs;
const blob = (content: Buffer) => `/blobs/${digestOf(content)}`;

async function read(world: ImageWorld, name: string): Promise<string> {
  return readFileSync(join(await world.mount(name), 'text'), 'utf8');
}

test('a pulled image has its name, its repository digest and its id; a second pull fetches no layer', async () => {
  await using registry = await TestRegistry.start();
  await using world = await imageWorld();
  const digest = publish(registry, repository, '1', parts);
  const name = `${registry.host}/team/app:1`;
  const lines: string[] = [];
  const image = await world.images.pull(name, { onProgress: (line) => lines.push(line) });
  expect(image).toMatchObject({
    id: digestOf(parts.config),
    names: [name],
    repoDigests: [`${registry.host}/team/app@${digest}`],
    manifest: digest,
  });
  expect(await read(world, name)).toBe('hello');
  expect(await read(world, `${registry.host}/team/app@${digest}`)).toBe('hello');
  expect(lines.filter((line) => line.endsWith('done'))).toHaveLength(2);
  await world.images.pull(name);
  expect([registry.count(blob(base)), registry.count(blob(top))]).toEqual([1, 1]);
  expect((await world.images.resolve(name))?.ref).toBe(`${registry.host}/team/app@${digest}`);
});

test('an index gives the manifest of this platform, and is what the digest names', async () => {
  await using registry = await TestRegistry.start();
  await using world = await imageWorld();
  const digest = publish(registry, repository, 'real', parts);
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const manifests = [
    { digest: `sha256:${'1'.repeat(64)}`, platform: { os: 'linux', architecture: 'riscv64' } },
    { digest: `sha256:${'2'.repeat(64)}`, platform: { os: 'windows', architecture } },
    { digest, platform: { os: 'linux', architecture } },
    { digest: `sha256:${'3'.repeat(64)}`, platform: { os: 'unknown', architecture: 'unknown' } },
  ];
  const index = registry.putManifest(repository, 'multi', { schemaVersion: 2, mediaType, manifests }, mediaType);
  const byDigest = `${registry.host}/team/app@${index}`;
  await world.images.pull(byDigest);
  expect(await read(world, byDigest)).toBe('hello');
  expect(await world.images.find(byDigest)).toMatchObject({ manifest: index, repoDigests: [byDigest] });
  registry.putManifest(
    repository,
    'other',
    { schemaVersion: 2, mediaType, manifests: manifests.slice(0, 2) },
    mediaType,
  );
  await expect(world.images.pull(`${registry.host}/team/app:other`)).rejects.toMatchObject({
    code: 'NotFound',
    message: expect.stringContaining('no match for platform'),
  });
});

test.each(['basic', 'bearer'] as const)(
  '%s authentication lets in who has the password, and tells the others',
  async (scheme) => {
    const auth = { scheme, username: 'me', password: 'pa:ss' };
    await using registry = await TestRegistry.start({ auth });
    await using world = await imageWorld();
    publish(registry, repository, '1', parts);
    const name = `${registry.host}/team/app:1`;
    await expect(world.images.pull(name)).rejects.toMatchObject({ code: 'Denied' });
    await expect(world.images.pull(name, { auth: { username: 'me', password: 'wrong' } })).rejects.toMatchObject({
      code: 'Denied',
    });
    expect(await world.images.list()).toEqual([]);
    await world.images.pull(name, { auth });
    expect(await read(world, name)).toBe('hello');
    expect(registry.requests.filter(({ path, status }) => path === '/token' && status === 200)).toHaveLength(
      scheme === 'bearer' ? 1 : 0,
    );
  },
);

test.each([true, false])(
  'a blob whose connection breaks goes on where it broke (registry with ranges: %s)',
  async (hasRanges) => {
    await using registry = await TestRegistry.start();
    await using world = await imageWorld();
    registry.hasRanges = hasRanges;
    publish(registry, repository, '1', parts);
    registry.fail(blob(base), { cutAfterBytes: 100 }, { cutAfterBytes: 50 });
    const name = `${registry.host}/team/app:1`;
    await world.images.pull(name);
    expect(await read(world, name)).toBe('hello');
    const ranges = registry.requests.filter(({ path }) => path.endsWith(blob(base))).map(({ range }) => range);
    expect(ranges).toEqual([undefined, 'bytes=100-', hasRanges ? 'bytes=150-' : 'bytes=100-']);
  },
);

test('a busy registry is asked again after the time it says, an unavailable one a few times', async () => {
  await using registry = await TestRegistry.start();
  await using world = await imageWorld();
  publish(registry, repository, '1', parts);
  registry.fail('/manifests/1', { status: 429, headers: { 'retry-after': '0' } }, { status: 503 });
  await world.images.pull(`${registry.host}/team/app:1`);
  registry.fail('/manifests/2', { status: 429, headers: { 'retry-after': '3600' } });
  await expect(world.images.pull(`${registry.host}/team/app:2`)).rejects.toMatchObject({
    code: 'Unavailable',
    message: expect.stringContaining('429 Too Many Requests'),
  });
});

test('what the registry does not have, or has wrong, is told in containerd’s words, and nothing changes', async () => {
  await using registry = await TestRegistry.start();
  await using world = await imageWorld();
  const name = `${registry.host}/team/app:1`;
  await expect(world.images.pull(name)).rejects.toMatchObject({
    code: 'NotFound',
    message: `failed to resolve reference "${name}": ${name}: not found`,
  });
  publish(registry, repository, '1', parts);
  registry.fail(blob(top), { replaceWith: Buffer.alloc(top.length, 'x') });
  await expect(world.images.pull(name)).rejects.toMatchObject({
    code: 'Invalid',
    message: expect.stringMatching(/^failed to copy: blob is sha256:.*, not sha256:/),
  });
  registry.fail(blob(top), { replaceWith: Buffer.alloc(top.length + 1, 'x') });
  await expect(world.images.pull(name)).rejects.toMatchObject({
    code: 'Invalid',
    message: expect.stringContaining('bytes as announced'),
  });
  registry.putManifest(
    repository,
    'v1',
    { schemaVersion: 1, fsLayers: [] },
    'application/vnd.docker.distribution.manifest.v1+json',
  );
  await expect(world.images.pull(`${registry.host}/team/app:v1`)).rejects.toThrow(/schema 1 is no longer supported/);
  registry.putManifest(
    repository,
    'evil',
    { schemaVersion: 2, config: { digest: '../../etc/passwd' }, layers: [] },
    'application/vnd.oci.image.manifest.v1+json',
  );
  await expect(world.images.pull(`${registry.host}/team/app:evil`)).rejects.toThrow(/without a sha256 digest/);
  const wrong = `${registry.host}/team/app@${digestOf(Buffer.from('nothing'))}`;
  await expect(world.images.pull(wrong)).rejects.toMatchObject({ code: 'NotFound' });
  expect([await world.images.list(), readdirSync(join(world.folder, 'layers'))]).toEqual([[], []]);
  expect(readdirSync(join(world.folder, 'blobs/sha256'))).toEqual([]);
});

test('a registry that is not there is Unavailable, by name', async () => {
  await using world = await imageWorld();
  const host = `127.0.0.1:${await freePort()}`;
  await expect(world.images.pull(`${host}/app:1`)).rejects.toMatchObject({
    code: 'Unavailable',
    message: expect.stringContaining(host),
  });
});

test('two pulls of one image at once fetch each blob once, also of two openers', async () => {
  await using registry = await TestRegistry.start();
  await using world = await imageWorld();
  publish(registry, repository, '1', parts);
  const name = `${registry.host}/team/app:1`;
  let open = (): void => undefined;
  registry.fail(blob(base), { waitFor: new Promise<void>((resolve) => (open = resolve)) });
  const first = world.images.pull(name);
  const second = world.images.pull(name);
  await expect.poll(() => registry.count(blob(top))).toBe(1);
  open();
  await Promise.all([first, second]);
  expect(registry.count(blob(base))).toBe(1);
  const other = await world.open();
  await world.images.remove(name);
  await Promise.all([world.images.pull(name), other.pull(name)]);
  expect(await read(world, name)).toBe('hello');
});

test('a pull that is called off ends at once and leaves nothing', async () => {
  await using registry = await TestRegistry.start();
  await using world = await imageWorld();
  publish(registry, repository, '1', parts);
  registry.fail(blob(base), { waitFor: new Promise(() => undefined) });
  const controller = new AbortController();
  const pull = world.images.pull(`${registry.host}/team/app:1`, { signal: controller.signal });
  const ended = expect(pull).rejects.toThrow(/called off/);
  await expect.poll(() => registry.count(blob(top))).toBe(1);
  controller.abort(new Error('called off'));
  await ended;
  expect(readdirSync(join(world.folder, 'blobs'))).toEqual(['sha256']);
  expect(readdirSync(join(world.folder, 'blobs/sha256'))).toEqual([]);
});

test('an image of this machine alone is never asked of a registry', async () => {
  await using world = await imageWorld();
  await expect(world.images.pull('berth.local/none:1')).rejects.toMatchObject({ code: 'NotFound' });
});
