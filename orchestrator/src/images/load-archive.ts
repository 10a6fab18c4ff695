import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { extract } from 'tar-stream';
import type { ContentStore } from './content-store.ts';
import { ImageError } from './image-error.ts';
import { choosePlatform, type Descriptor, type Manifest } from './image-manifest.ts';
import { normalizeReference } from './image-reference.ts';

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
 * Takes the blobs of a `docker save` or OCI-layout tar (plain or gzip) into the store. Entry names are only keys here,
 * never paths. @throws ImageError Invalid – it is neither, or is cut short.
 */
export async function loadArchive(file: string, content: ContentStore): Promise<LoadedImage[]> {
  const entries = await storeEntries(openArchive(file), content);
  const images = entries.has('manifest.json')
    ? await fromDocker(entries, content)
    : await fromOciLayout(entries, content);
  if (images.length === 0) throw new ImageError('Invalid', `${file} holds no image for this machine`);
  return images;
}

function openArchive(file: string): Readable {
  const raw = createReadStream(file);
  if (!/\.t?gz$/.test(file)) return raw;
  const plain = createGunzip();
  raw.on('error', (error) => plain.destroy(error));
  return raw.pipe(plain);
}

/** Entry name → digest. Links (older `docker save` repeats layers by them) are followed within the archive. */
async function storeEntries(tar: Readable, content: ContentStore): Promise<Map<string, string>> {
  const digests = new Map<string, string>();
  const links = new Map<string, string>();
  const parser = extract();
  tar.on('error', (error) => parser.destroy(error));
  tar.pipe(parser);
  try {
    for await (const entry of parser) {
      const { name, type, linkname } = entry.header;
      const key = clean(name);
      if (type === 'file') digests.set(key, await content.write(entry as AsyncIterable<Uint8Array>));
      else {
        if ((type === 'symlink' || type === 'link') && linkname) links.set(key, resolveLink(key, linkname, type));
        entry.resume();
      }
    }
  } catch (error) {
    if (error instanceof ImageError || (error as { code?: string }).code === 'ENOENT') throw error;
    throw new ImageError('Invalid', 'the archive is not a sound tar file', { cause: error });
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

function resolveLink(key: string, linkname: string, type: string): string {
  const base = type === 'symlink' ? key.split('/').slice(0, -1) : [];
  const parts = [...base];
  for (const part of linkname.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.' && part !== '') parts.push(part);
  }
  return parts.join('/');
}

async function fromDocker(entries: ReadonlyMap<string, string>, content: ContentStore): Promise<LoadedImage[]> {
  const manifests = await content.readJson<DockerManifest[]>(entries.get('manifest.json') as string);
  if (!Array.isArray(manifests)) throw new ImageError('Invalid', 'manifest.json is not a list of images');
  return Promise.all(
    manifests.map(async ({ Config, RepoTags, Layers }) => {
      const layers = await Promise.all(Layers.map((name) => describe(name, layerMediaType, entries, content)));
      const config = await describe(Config, 'application/vnd.oci.image.config.v1+json', entries, content);
      const text = JSON.stringify({ schemaVersion: 2, mediaType: ociManifest, config, layers });
      const manifest = await content.write(bytes(text));
      return { names: (RepoTags ?? []).map(normalizeReference), manifest };
    }),
  );
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
  const { manifests = [] } = await content.readJson<Manifest>(index);
  const images: LoadedImage[] = [];
  for (const descriptor of manifests) {
    const manifest = await resolveManifest(descriptor, content);
    if (!manifest) continue;
    const name =
      descriptor.annotations?.['io.containerd.image.name'] ??
      descriptor.annotations?.['org.opencontainers.image.ref.name'];
    images.push({ names: name?.includes('/') || name?.includes(':') ? [normalizeReference(name)] : [], manifest });
  }
  return images;
}

async function resolveManifest({ digest }: Descriptor, content: ContentStore): Promise<string | undefined> {
  const manifest = await content.readJson<Manifest>(digest);
  if (!manifest.manifests) return digest;
  const chosen = choosePlatform(manifest.manifests);
  return chosen && (await content.has(chosen.digest)) ? resolveManifest(chosen, content) : undefined;
}

export async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
