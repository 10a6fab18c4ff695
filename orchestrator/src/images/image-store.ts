import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@berth/kit';
import type { Mounter } from '@berth/linux';
import type { ImageStore, ResolvedImage } from '../runtime/image-source.ts';
import { ContentStore } from './content-store.ts';
import { ImageError } from './image-error.ts';
import type { ImageConfig, Manifest } from './image-manifest.ts';
import { formatReference, normalizeReference, parseReference } from './image-reference.ts';
import { LayerStore } from './layer-store.ts';
import { loadArchive } from './load-archive.ts';
import { ReferenceTable } from './reference-table.ts';
import { pullImage, type RegistryAuth } from './registry-client.ts';

export interface ImageStoreOptions {
  /** Where blobs, layers and names are kept. */
  readonly folder: string;
  readonly mounter: Mounter;
  readonly clock: Clock;
}

/** Makes an image that no registry has; it registers the image under its name itself. */
export type ImageBuilder = (images: Images) => Promise<void>;

/** The registry part of images that are assembled on this machine and exist nowhere else. */
const ownRegistry = 'berth.local';

/** What `berth image list` and CRI's ListImages show. */
export interface ImageSummary {
  /** Digest of the config: Docker's and CRI's image id. */
  readonly id: string;
  readonly names: readonly string[];
  readonly manifest: string;
  /** Bytes of the blobs. */
  readonly size: number;
  readonly user: string | undefined;
  readonly created: string | undefined;
}

/** The images of this machine: manifests, configs and layers by digest, names beside them. Several processes may use one folder. */
export class Images implements ImageStore {
  readonly content: ContentStore;
  readonly #layers: LayerStore;
  readonly #references: ReferenceTable;
  readonly #builders = new Map<string, ImageBuilder>();
  readonly #builds = new Map<string, Promise<void>>();

  private constructor(options: ImageStoreOptions) {
    this.content = new ContentStore(join(options.folder, 'blobs'));
    this.#layers = new LayerStore(join(options.folder, 'layers'), this.content, options.mounter);
    this.#references = new ReferenceTable(options.folder, options.clock);
  }

  static async open(options: ImageStoreOptions): Promise<Images> {
    await mkdir(join(options.folder, 'layers'), { recursive: true, mode: 0o711 });
    return new Images(options);
  }

  /** Says how an image is made the first time someone asks for it. */
  provide(name: string, build: ImageBuilder): void {
    this.#builders.set(normalizeReference(name), build);
  }

  async resolve(reference: string): Promise<ResolvedImage | undefined> {
    const digest = await this.#findManifest(reference);
    if (!digest) return undefined;
    const { manifest, id, config } = await this.#read(digest);
    const diffIds = config.rootfs.diff_ids;
    const layers = diffIds.map((diffId, index) => ({ diffId, blob: manifest.layers?.[index]?.digest ?? '' }));
    const layerDirs = this.#layers.find(diffIds) ?? (await this.#layers.ensure(layers));
    return { id, config: config.config ?? {}, layerDirs };
  }

  async list(): Promise<ImageSummary[]> {
    const byManifest = new Map<string, string[]>();
    for (const [name, digest] of Object.entries(await this.#references.read()))
      byManifest.set(digest, [...(byManifest.get(digest) ?? []), name]);
    return Promise.all([...byManifest].map(([digest, names]) => this.#summarize(digest, names)));
  }

  /** The image of a name, name with digest, id or unambiguous start of an id. */
  async find(reference: string): Promise<ImageSummary | undefined> {
    const digest = await this.#findManifest(reference);
    if (!digest) return undefined;
    const names = Object.entries(await this.#references.read()).flatMap(([name, target]) =>
      target === digest ? [name] : [],
    );
    return this.#summarize(digest, names);
  }

  /** Takes in a `docker save` or OCI-layout tar. @returns the names it gave. */
  async load(file: string): Promise<string[]> {
    const loaded = await loadArchive(file, this.content);
    const named = loaded.flatMap(({ names, manifest }) =>
      (names.length > 0 ? names : [`sha256-${manifest.slice(7, 19)}`].map(normalizeReference)).map(
        (name) => [name, manifest] as const,
      ),
    );
    for (const [, manifest] of named) await this.#unpack(manifest);
    await this.#references.change((references) => ({ ...references, ...Object.fromEntries(named) }));
    return named.map(([name]) => name);
  }

  /** Pulls by the OCI distribution protocol. @returns the manifest's digest. */
  async pull(
    reference: string,
    auth: RegistryAuth | undefined,
    options: { readonly signal?: AbortSignal; readonly onProgress?: (line: string) => void } = {},
  ): Promise<string> {
    const name = parseReference(reference);
    // Images of this pseudo-registry are made here; "always pull" means having the one there is.
    if (name.registry === ownRegistry) return (await this.#findManifest(reference)) ?? throwNotFound(reference);
    const manifest = await pullImage(name, this.content, { ...options, ...(auth ? { auth } : {}) });
    await this.#unpack(manifest);
    await this.#references.change((references) => ({ ...references, [formatReference(name)]: manifest }));
    return manifest;
  }

  /** Gives a manifest that is already in the content store a name. */
  async register(name: string, manifest: string): Promise<void> {
    await this.#unpack(manifest);
    await this.#references.change((references) => ({ ...references, [normalizeReference(name)]: manifest }));
  }

  async tag(source: string, target: string): Promise<void> {
    const digest = await this.#findManifest(source);
    if (!digest) throw notFound(source);
    const name = normalizeReference(target);
    await this.#references.change((references) => ({ ...references, [name]: digest }));
  }

  /** Takes a name away (all names, for an id); content that no name needs goes too. `inUse` tells of ids containers run from. */
  async remove(reference: string, inUse: (id: string) => boolean = () => false): Promise<string[]> {
    const digest = await this.#findManifest(reference);
    if (!digest) throw notFound(reference);
    const byId = /^(sha256:)?[0-9a-f]{12,64}$/.test(reference);
    const removed: string[] = [];
    const { id } = await this.#read(digest);
    await this.#references.change(async (references) => {
      const names = Object.keys(references).filter((name) =>
        byId ? references[name] === digest : name === normalizeReference(reference),
      );
      const rest = Object.fromEntries(Object.entries(references).filter(([name]) => !names.includes(name)));
      if (inUse(id) && !Object.values(rest).includes(digest))
        throw new ImageError('InUse', `image ${reference} is used by a container; delete its pod first`);
      removed.push(...names);
      return rest;
    });
    await this.#references.change(async (references) => {
      await this.#prune(new Set(Object.values(references)));
      return undefined;
    });
    return removed;
  }

  /** Bytes and files of blobs; unpacked layers are not walked. */
  async diskUsage(): Promise<{ bytes: number; inodes: number }> {
    const sizes = (await this.list()).map(({ size }) => size);
    return { bytes: sizes.reduce((sum, size) => sum + size, 0), inodes: sizes.length };
  }

  async #prune(manifests: ReadonlySet<string>): Promise<void> {
    const blobs = new Set<string>(manifests);
    const chains: (readonly string[])[] = [];
    for (const digest of manifests) {
      const { manifest, config } = await this.#read(digest);
      if (manifest.config) blobs.add(manifest.config.digest);
      for (const layer of manifest.layers ?? []) blobs.add(layer.digest);
      chains.push(config.rootfs.diff_ids);
    }
    await this.content.prune(blobs);
    await this.#layers.prune(chains);
  }

  async #unpack(digest: string): Promise<void> {
    const { manifest, config } = await this.#read(digest);
    const layers = config.rootfs.diff_ids.map((diffId, index) => ({
      diffId,
      blob: manifest.layers?.[index]?.digest ?? '',
    }));
    await this.#layers.ensure(layers);
  }

  async #summarize(digest: string, names: readonly string[]): Promise<ImageSummary> {
    const { manifest, id, config } = await this.#read(digest);
    const sizes = await Promise.all(
      [manifest.config, ...(manifest.layers ?? [])].map((blob) => (blob ? this.content.size(blob.digest) : 0)),
    );
    const size = sizes.reduce<number>((sum, one) => sum + (one ?? 0), 0);
    return {
      id,
      names: [...names].sort(),
      manifest: digest,
      size,
      user: config.config?.User || undefined,
      created: config.created,
    };
  }

  async #read(digest: string): Promise<{ manifest: Manifest; id: string; config: ImageConfig }> {
    const manifest = await this.content.readJson<Manifest>(digest);
    if (!manifest.config) throw new ImageError('Invalid', `manifest ${digest} names no config`);
    const config = await this.content.readJson<ImageConfig>(manifest.config.digest);
    if (config.rootfs?.diff_ids?.length !== manifest.layers?.length)
      throw new ImageError('Invalid', `image ${digest}: config and manifest disagree about its layers`);
    return { manifest, id: manifest.config.digest, config };
  }

  async #findManifest(reference: string): Promise<string | undefined> {
    const references = await this.#references.read();
    if (/^(sha256:)?[0-9a-f]{12,64}$/.test(reference)) {
      const wanted = reference.replace(/^sha256:/, '');
      for (const digest of new Set(Object.values(references))) {
        if (digest.slice(7).startsWith(wanted) || (await this.#read(digest)).id.slice(7).startsWith(wanted))
          return digest;
      }
      if (reference.startsWith('sha256:')) return undefined;
    }
    const parsed = parseReference(reference);
    if (parsed.digest) return Object.values(references).find((digest) => digest === parsed.digest);
    const name = formatReference(parsed);
    return references[name] ?? (await this.#build(name));
  }

  /** One build however many wait for it; a failed one is tried again by the next who asks. */
  async #build(name: string): Promise<string | undefined> {
    const builder = this.#builders.get(name);
    if (!builder) return undefined;
    const build = this.#builds.get(name) ?? builder(this).finally(() => this.#builds.delete(name));
    this.#builds.set(name, build);
    await build;
    return (await this.#references.read())[name];
  }
}

function throwNotFound(reference: string): never {
  throw notFound(reference);
}

function notFound(reference: string): ImageError {
  return new ImageError('NotFound', `image "${reference}" is not on this machine; see: berth image list`);
}
