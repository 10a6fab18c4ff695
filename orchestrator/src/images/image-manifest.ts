import type { ImageRunConfig } from '../runtime/image-source.ts';
import { type ContentStore, parseJson } from './content-store.ts';
import { ImageError } from './image-error.ts';
import type { Layer } from './layer-store.ts';

export interface Descriptor {
  readonly mediaType?: string;
  readonly digest: string;
  readonly size?: number;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os?: string; readonly architecture?: string; readonly variant?: string };
}

/** An image manifest or an index of them (OCI image spec; Docker's schema 2 has the same shape). */
export interface Manifest {
  readonly mediaType?: string;
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

export interface ImageConfig {
  readonly architecture?: string;
  readonly os?: string;
  readonly config?: ImageRunConfig & { readonly Labels?: Readonly<Record<string, string>> | null };
  readonly rootfs: { readonly type: string; readonly diff_ids: readonly string[] };
  readonly created?: string;
}

/** An image of this machine's platform, read from its root: a manifest, or an index that names one. */
export interface ImageContent {
  /** Digest of the config: Docker's and CRI's image id. */
  readonly id: string;
  /** The root and all it led to: what must stay for the image to be read again. */
  readonly metadata: readonly string[];
  readonly config: ImageConfig;
  readonly layers: readonly Layer[];
  /** Bytes of config and layers as they travel. */
  readonly sizeBytes: number;
}

/** Go's name of this machine's architecture, as platforms are named. */
export const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

/** Indexes in indexes beyond this are an attack, not an image. */
export const maxIndexDepth = 4;

/** The entry of an index that runs here. */
export function choosePlatform(manifests: readonly Descriptor[]): Descriptor | undefined {
  const real = manifests.filter(({ platform }) => platform?.os !== 'unknown');
  return (
    real.find(({ platform }) => platform?.os === 'linux' && platform.architecture === architecture) ??
    (real.length === 1 && !real[0]?.platform ? real[0] : undefined)
  );
}

/** @throws ImageError Invalid – not the shape of a manifest. */
export function parseManifest(text: string, what: string): Manifest {
  return checkManifest(parseJson<Manifest>(text, what), what);
}

/** @throws ImageError NotFound – a part is missing, or none is for this platform; Invalid – parts do not fit each other. */
export async function readImage(content: ContentStore, root: string): Promise<ImageContent> {
  const metadata: string[] = [];
  let digest = root;
  let manifest: Manifest;
  for (;;) {
    metadata.push(digest);
    manifest = checkManifest(await content.readJson<Manifest>(digest), `manifest ${digest}`);
    if (!manifest.manifests) break;
    const chosen = choosePlatform(manifest.manifests);
    if (!chosen) throw noPlatform();
    if (metadata.length > maxIndexDepth) throw new ImageError('Invalid', `index ${root} is nested too deeply`);
    digest = chosen.digest;
  }
  const { config: descriptor, layers = [] } = manifest;
  if (!descriptor) throw new ImageError('Invalid', `manifest ${digest} names no config`);
  const config = checkConfig(await content.readJson<ImageConfig>(descriptor.digest), descriptor.digest);
  if (config.rootfs.diff_ids.length !== layers.length)
    throw new ImageError('Invalid', `image ${digest}: config and manifest disagree about its layers`);
  return {
    id: descriptor.digest,
    metadata: [...metadata, descriptor.digest],
    config,
    layers: layers.map((layer, index) => ({ blob: layer.digest, diffId: config.rootfs.diff_ids[index] as string })),
    sizeBytes: [descriptor, ...layers].reduce((sum, { size }) => sum + (size ?? 0), 0),
  };
}

export function noPlatform(): ImageError {
  return new ImageError('NotFound', `no match for platform linux/${architecture} in manifest: not found`);
}

function checkManifest(manifest: Manifest, what: string): Manifest {
  const lists = [manifest.layers, manifest.manifests].filter((list) => list !== undefined);
  if (lists.some((list) => !Array.isArray(list))) throw new ImageError('Invalid', `${what} is not an image manifest`);
  if (lists.length === 0 && !manifest.config)
    throw new ImageError('Invalid', `${what} is not an image manifest (schema 1 is no longer supported)`);
  for (const part of [manifest.config, ...lists.flat()]) {
    if (part === undefined) continue;
    if (typeof part !== 'object' || part === null || !/^sha256:[0-9a-f]{64}$/.test(String(part.digest)))
      throw new ImageError('Invalid', `${what} names a part without a sha256 digest`);
    if (part.size !== undefined && !(Number.isSafeInteger(part.size) && part.size >= 0))
      throw new ImageError('Invalid', `${what} names a part of impossible size`);
  }
  return manifest;
}

function checkConfig(config: ImageConfig, digest: string): ImageConfig {
  const ids = config.rootfs?.diff_ids;
  if (!Array.isArray(ids) || !ids.every((id) => /^sha256:[0-9a-f]{64}$/.test(String(id))))
    throw new ImageError('Invalid', `image config ${digest} does not say what its layers are (rootfs.diff_ids)`);
  return config;
}
