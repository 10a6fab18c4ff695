import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { systemClock } from '@berth/kit';
import { linuxMounter } from '@berth/linux';
import { Images } from '../../orchestrator/src/images/image-store.ts';
import { mountOverlay } from '../../orchestrator/src/runtime/overlay-mount.ts';
import type { TestRegistry } from './registry.ts';
import { digestOf, type TarItem, tarOf } from './tar-builder.ts';

export type Compression = 'plain' | 'gzip' | 'zstd';

/** An image store in a directory of its own; disposing it removes directory and mounts. */
export interface ImageWorld extends AsyncDisposable {
  readonly directory: string;
  /** The store's own folder. */
  readonly folder: string;
  readonly images: Images;
  /** What the store is told that containers use. */
  readonly used: Set<string>;
  /** Another process's view of the same folder. */
  open(): Promise<Images>;
  /** Lets time pass for the store. */
  later(ms: number): void;
  /** Mounts an image as a container would see it. @returns the directory. */
  mount(reference: string): Promise<string>;
}

export async function imageWorld(): Promise<ImageWorld> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-images-'));
  const folder = join(directory, 'images');
  const used = new Set<string>();
  let offsetMs = 0;
  const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + offsetMs };
  const later = (ms: number) => {
    offsetMs += ms;
  };
  const open = () => Images.open({ folder, mounter: linuxMounter, clock, usedIds: async () => new Set(used) });
  const images = await open();
  const mounted: string[] = [];
  const mount = async (reference: string) => {
    const image = await images.resolve(reference);
    if (!image) throw new Error(`no image ${reference}`);
    const place = await mkdtemp(join(directory, 'root-'));
    const [upper, work, target] = ['upper', 'work', 'merged'].map((name) => join(place, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [upper, work, target]) await mkdir(path);
    await mountOverlay({ layers: image.layerDirs, upper, work, target });
    mounted.push(target);
    return target;
  };
  const end = async () => {
    for (const path of mounted) linuxMounter.unmount(path, { lazy: true });
    for (const { mountPoint } of linuxMounter.mounts())
      if (mountPoint.startsWith(`${directory}/`)) linuxMounter.unmount(mountPoint, { lazy: true });
    await rm(directory, { recursive: true, force: true });
  };
  return { directory, folder, images, used, open, later, mount, [Symbol.asyncDispose]: end };
}

/** An image's blobs: what archives and registries are made of. */
export interface ImageParts {
  readonly config: Buffer;
  readonly manifest: Buffer;
  readonly blobs: readonly Buffer[];
  readonly diffs: readonly Buffer[];
}

export interface PartsOptions {
  readonly compression?: Compression;
  readonly config?: Readonly<Record<string, unknown>>;
  /** Instead of the real ones. */
  readonly diffIds?: readonly string[];
}

export function imageParts(layers: readonly (readonly TarItem[])[], options: PartsOptions = {}): ImageParts {
  const diffs = layers.map((items) => tarOf(...items));
  return partsOf(diffs, options);
}

export function partsOf(
  diffs: readonly Buffer[],
  { compression = 'plain', config, diffIds }: PartsOptions = {},
): ImageParts {
  const compress = { plain: (tar: Buffer) => tar, gzip: gzipSync, zstd: zstdCompressSync }[compression];
  const blobs = diffs.map((tar) => Buffer.from(compress(tar)));
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const body = Buffer.from(
    JSON.stringify({
      architecture,
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: diffIds ?? diffs.map(digestOf) },
      ...config,
    }),
  );
  const describe = (mediaType: string, blob: Buffer) => ({ mediaType, digest: digestOf(blob), size: blob.length });
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: describe('application/vnd.oci.image.config.v1+json', body),
    layers: blobs.map((blob) => describe('application/vnd.oci.image.layer.v1.tar', blob)),
  };
  return { config: body, manifest: Buffer.from(JSON.stringify(manifest)), blobs, diffs };
}

/** The tar of an OCI layout. */
export function ociLayout(
  name: string,
  { config, manifest, blobs }: ImageParts,
  more: readonly TarItem[] = [],
): Buffer {
  const index = {
    schemaVersion: 2,
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest: digestOf(manifest),
        size: manifest.length,
        annotations: { 'io.containerd.image.name': name },
      },
    ],
  };
  const items = [config, manifest, ...blobs].map((blob) => ({
    name: `blobs/sha256/${digestOf(blob).slice(7)}`,
    content: blob,
  }));
  return tarOf(
    { name: 'oci-layout', content: '{"imageLayoutVersion":"1.0.0"}' },
    { name: 'index.json', content: JSON.stringify(index) },
    ...items,
    ...more,
  );
}

/** Puts an image into a registry. @returns the manifest's digest. */
export function publish(registry: TestRegistry, repository: string, tag: string, parts: ImageParts): string {
  for (const blob of [parts.config, ...parts.blobs]) registry.putBlob(blob);
  const manifest = JSON.parse(parts.manifest.toString()) as { mediaType: string };
  return registry.putManifest(repository, tag, manifest, manifest.mediaType);
}
