import type { ContentStore } from './content-store.ts';
import { ImageError } from './image-error.ts';
import {
  choosePlatform,
  type Descriptor,
  type ImageContent,
  maxIndexDepth,
  noPlatform,
  parseManifest,
  readImage,
} from './image-manifest.ts';
import { formatReference, type ImageReference } from './image-reference.ts';
import type { Layer } from './layer-store.ts';
import { Registry, type RegistryOptions } from './registry-client.ts';

export interface PullRequest extends RegistryOptions {
  readonly content: ContentStore;
  /** The layers of an image whose blobs are needed: unpacked ones are not. */
  readonly needed: (image: ImageContent) => readonly Layer[];
  readonly onProgress?: (line: string) => void;
}

/** Layers fetched beside each other. */
const parallel = 3;

/**
 * Brings an image's manifest, config and missing layers into the content store. @returns the digest that its name stands
 * for: of the manifest, or of the index it was found in.
 */
export async function pullImage(reference: ImageReference, request: PullRequest): Promise<string> {
  const name = formatReference(reference);
  const registry = new Registry(reference, request);
  const wanted = reference.digest ?? reference.tag ?? 'latest';
  const root = await pullManifest(registry, request, wanted, 0).catch((error: unknown) => {
    if (!(error instanceof ImageError)) throw error;
    const why = error.message === 'not found' ? `${name}: not found` : error.message;
    throw new ImageError(error.code, `failed to resolve reference "${name}": ${why}`, { cause: error });
  });
  await fetchLayers(registry, request, root).catch((error: unknown) => {
    if (!(error instanceof ImageError)) throw error;
    throw new ImageError(error.code, `failed to copy: ${error.message}`, { cause: error });
  });
  return root.digest;
}

interface Root {
  readonly digest: string;
  readonly layers: readonly Descriptor[];
}

/** A manifest with its config, behind as many indexes as lead to it. */
async function pullManifest(registry: Registry, request: PullRequest, wanted: string, depth: number): Promise<Root> {
  const { content } = request;
  const body = await registry.manifest(wanted);
  const digest = await content.write([body], wanted.startsWith('sha256:') ? { digest: wanted } : {});
  const manifest = parseManifest(body.toString(), `manifest ${wanted}`);
  if (!manifest.manifests) {
    if (manifest.config) await pullBlob(registry, content, manifest.config);
    return { digest, layers: manifest.layers ?? [] };
  }
  const chosen = choosePlatform(manifest.manifests);
  if (!chosen) throw noPlatform();
  if (depth >= maxIndexDepth) throw new ImageError('Invalid', `index ${wanted} is nested too deeply`);
  const { layers } = await pullManifest(registry, request, chosen.digest, depth + 1);
  return { digest, layers };
}

async function fetchLayers(registry: Registry, request: PullRequest, { digest, layers }: Root): Promise<void> {
  const { content, needed, onProgress } = request;
  const blobs = new Set(needed(await readImage(content, digest)).map(({ blob }) => blob));
  const queue = [...new Map(layers.map((layer) => [layer.digest, layer])).values()];
  let failed = false;
  const worker = async () => {
    for (let layer = queue.shift(); layer && !failed; layer = queue.shift()) {
      const short = layer.digest.slice(7, 19);
      if (!blobs.has(layer.digest)) {
        onProgress?.(`${short}: already here`);
        continue;
      }
      onProgress?.(`${short}: pulling${layer.size ? ` ${(layer.size / 1e6).toFixed(1)} MB` : ''}`);
      await pullBlob(registry, content, layer);
      onProgress?.(`${short}: done`);
    }
  };
  const workers = Array.from({ length: parallel }, () =>
    worker().catch((error: unknown) => {
      failed = true;
      throw error;
    }),
  );
  // All end before this does: nothing is written behind the back of whoever holds the store's lock.
  for (const end of await Promise.allSettled(workers)) if (end.status === 'rejected') throw end.reason;
}

async function pullBlob(registry: Registry, content: ContentStore, { digest, size }: Descriptor): Promise<void> {
  const expected = { digest, ...(size === undefined ? {} : { sizeBytes: size }) };
  await content.ensure(digest, () => content.write(registry.blob(digest, size), expected));
}
