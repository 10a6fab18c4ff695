import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import type { ContentStore } from './content-store.ts';
import { decompressed } from './decompressed.ts';
import { ImageError } from './image-error.ts';
import { choosePlatform, type Descriptor, type Manifest, readImage } from './image-manifest.ts';
import { normalizeReference } from './image-reference.ts';
import { readTar } from './tar-reader.ts';

/** One image found in an archive: its manifest is in the content store, with all it names. */
export interface LoadedImage {
  readonly names: readonly string[];
  readonly manifest: string;
}

interface DockerManifest {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers: readonly string[];
}

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const layerMediaType = 'application/vnd.oci.image.layer.v1.tar';

/**
 * Takes the blobs of a `docker save` or OCI-layout tar (plain, gzip or zstd) into the store. Entry names are only keys
 * here, never paths. @throws ImageError Invalid – it is neither, is cut short, or lacks what it names.
 */
export async function loadArchive(file: string, content: ContentStore, signal?: AbortSignal): Promise<LoadedImage[]> {
  try {
    return await imagesOf(createReadStream(file, { highWaterMark: 256 * 1024, ...(signal && { signal }) }), content);
  } catch (error) {
    if (!(error instanceof ImageError)) throw error;
    throw new ImageError(error.code, `${file}: ${error.message}`, { cause: error });
  }
}

async function imagesOf(file: Readable, content: ContentStore): Promise<LoadedImage[]> {
  const entries = await storeEntries(file, content);
  const images = entries.has('manifest.json')
    ? await fromDocker(entries, content)
    : await fromOciLayout(entries, content);
  if (images.length === 0) throw new ImageError('Invalid', 'holds no image for this machine');
  for (const { manifest } of images) await checkWhole(manifest, content);
  return images;
}

/** Before anything is unpacked or named: a blob with other content than its name says is not in the store by that name. */
async function checkWhole(manifest: string, content: ContentStore): Promise<void> {
  const { layers } = await readImage(content, manifest).catch(explainMissing);
  for (const { blob } of layers)
    if (!(await content.has(blob)))
      throw new ImageError('Invalid', `the archive does not hold layer ${blob}, or holds something else by that name`);
}

function explainMissing(error: unknown): never {
  if (!(error instanceof ImageError) || error.code !== 'NotFound') throw error;
  const text = `the archive is not whole, or a file in it is not what its name says: ${error.message}`;
  throw new ImageError('Invalid', text, { cause: error });
}

/** Entry name → digest. Links (older `docker save` repeats layers by them) are followed within the archive. */
async function storeEntries(file: Readable, content: ContentStore): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  const links = new Map<string, string>();
  for await (const entry of readTar(decompressed(file))) {
    const key = clean(entry.name);
    if (entry.type === 'file') digests.set(key, await content.write(entry.content));
    else if (entry.type === 'symlink' || entry.type === 'link')
      links.set(key, resolveLink(key, entry.linkName, entry.type));
  }
  for (const [key, target] of links) {
    const digest = digests.get(target);
    if (digest) digests.set(key, digest);
  }
  return digests;
}

function clean(name: string): string {
  return name.replace(/^(\.?\/)+/, '');
}

function resolveLink(key: string, linkName: string, type: 'link' | 'symlink'): string {
  const parts = type === 'symlink' ? key.split('/').slice(0, -1) : [];
  for (const part of linkName.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  return parts.join('/');
}

async function fromDocker(entries: ReadonlyMap<string, string>, content: ContentStore): Promise<LoadedImage[]> {
  const manifests = await content.readJson<DockerManifest[]>(entries.get('manifest.json') as string);
  if (!Array.isArray(manifests)) throw new ImageError('Invalid', 'manifest.json is not a list of images');
  return Promise.all(
    manifests.map(async (image) => {
      const { Config, Layers, RepoTags } = checkDocker(image);
      const layers = await Promise.all(Layers.map((name) => describe(name, layerMediaType, entries, content)));
      const config = await describe(Config, 'application/vnd.oci.image.config.v1+json', entries, content);
      const text = JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, config, layers });
      return { names: (RepoTags ?? []).map(normalizeReference), manifest: await content.write([Buffer.from(text)]) };
    }),
  );
}

function checkDocker(image: DockerManifest): DockerManifest {
  const texts = (list: unknown) => Array.isArray(list) && list.every((item) => typeof item === 'string');
  const { Config, Layers, RepoTags } = image ?? {};
  if (typeof Config === 'string' && texts(Layers) && (RepoTags === undefined || RepoTags === null || texts(RepoTags)))
    return image;
  throw new ImageError('Invalid', 'manifest.json does not list images with Config, Layers and RepoTags');
}

async function describe(
  name: string,
  mediaType: string,
  entries: ReadonlyMap<string, string>,
  content: ContentStore,
): Promise<Descriptor> {
  const digest = entries.get(clean(name));
  if (!digest) throw new ImageError('Invalid', `the archive names ${name} and does not hold it`);
  return { mediaType, digest, size: (await content.size(digest)) ?? 0 };
}

async function fromOciLayout(entries: ReadonlyMap<string, string>, content: ContentStore): Promise<LoadedImage[]> {
  const index = entries.get('index.json');
  if (!index)
    throw new ImageError('Invalid', 'the archive has neither manifest.json (docker save) nor index.json (OCI layout)');
  const { manifests } = await content.readJson<Manifest>(index);
  if (!Array.isArray(manifests)) throw new ImageError('Invalid', 'index.json does not list manifests');
  const images: LoadedImage[] = [];
  for (const descriptor of manifests as readonly Descriptor[]) {
    if (!(await isForThisMachine(descriptor, content))) continue;
    const name =
      descriptor.annotations?.['io.containerd.image.name'] ??
      descriptor.annotations?.['org.opencontainers.image.ref.name'];
    // A bare tag (`1.27`) is no name.
    const names = name?.includes('/') || name?.includes(':') ? [normalizeReference(name)] : [];
    images.push({ names, manifest: descriptor.digest });
  }
  return images;
}

/** Archives may hold some platforms of an image only, and attestations beside it. */
async function isForThisMachine(descriptor: Descriptor, content: ContentStore): Promise<boolean> {
  if (descriptor.platform?.os === 'unknown') return false;
  const { manifests } = await content.readJson<Manifest>(descriptor.digest).catch(explainMissing);
  if (!Array.isArray(manifests)) return choosePlatform([descriptor]) !== undefined;
  const chosen = choosePlatform(manifests);
  return chosen !== undefined && (await content.has(chosen.digest));
}
