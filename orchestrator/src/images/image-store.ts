import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@berth/kit';
import { isErrno, type Mounter } from '@berth/linux';
import type { ImageStore, ResolvedImage } from '../runtime/image-source.ts';
import { BuiltImages, type ImageBuilder } from './built-images.ts';
import { ContentStore } from './content-store.ts';
import { ImageError } from './image-error.ts';
import { type ImageContent, readImage } from './image-manifest.ts';
import { idsMatching, isId, withoutNames } from './image-names.ts';
import { formatReference, normalizeReference, parseReference } from './image-reference.ts';
import { LayerStore } from './layer-store.ts';
import { loadArchive } from './load-archive.ts';
import { pullImage } from './pull-image.ts';
import { type References, ReferenceTable } from './reference-table.ts';
import type { RegistryAuth } from './registry-auth.ts';
import { StoreLock } from './store-lock.ts';

export interface ImageStoreOptions {
  /** Where manifests, layers and names are kept. */
  readonly folder: string;
  readonly mounter: Mounter;
  readonly clock: Clock;
  /** Ids of the images that containers were made from: they stay, whatever happens to their names. */
  readonly usedIds: () => Promise<ReadonlySet<string>>;
}

export interface PullOptions {
  readonly auth?: RegistryAuth;
  readonly signal?: AbortSignal;
  readonly onProgress?: (line: string) => void;
}

/** The registry part of images that are assembled on this machine and exist nowhere else. */
const ownRegistry = 'berth.local';

/** Making a container from an image that was resolved takes milliseconds. */
const lendingMs = 60_000;

/** What `berth image list` and CRI's ListImages show. */
export interface ImageSummary {
  /** Digest of the config: Docker's and CRI's image id. */
  readonly id: string;
  /** `registry/repository:tag`; none where a newer image took the name and containers still use this one. */
  readonly names: readonly string[];
  /** `registry/repository@digest`, as pulled. */
  readonly repoDigests: readonly string[];
  /** Digest of the manifest, or of the index it was found in. */
  readonly manifest: string;
  /** Bytes of config and layers as they travel. */
  readonly size: number;
  readonly user: string | undefined;
  readonly created: string | undefined;
}

/**
 * The images of this machine. Kept are manifests and configs by digest, unpacked layers by chain id, and the names; the
 * blobs of layers go once they are unpacked, as everything would be on disk twice. Several processes may use one folder.
 */
export class Images implements ImageStore {
  readonly #content: ContentStore;
  readonly #layers: LayerStore;
  readonly #references: ReferenceTable;
  readonly #lock: StoreLock;
  readonly #options: ImageStoreOptions;
  readonly #built = new BuiltImages();
  /** By root digest; what a digest names never changes. */
  readonly #read = new Map<string, ImageContent>();
  /** Until when an image counts as used, by id: from `resolve` to the record of the container that is made from it. */
  readonly #lentUntilMs = new Map<string, number>();

  private constructor(options: ImageStoreOptions) {
    const { folder, clock, mounter } = options;
    this.#options = options;
    this.#content = new ContentStore(join(folder, 'blobs'));
    this.#layers = new LayerStore(join(folder, 'layers'), this.#content, mounter);
    this.#references = new ReferenceTable(folder, clock);
    this.#lock = new StoreLock(join(folder, 'content.lock'), clock);
  }

  static async open(options: ImageStoreOptions): Promise<Images> {
    await mkdir(join(options.folder, 'layers'), { recursive: true, mode: 0o711 });
    return new Images(options);
  }

  /** Says how an image of this machine is made; it is made when someone first asks for it. */
  provide(name: string, builder: ImageBuilder): void {
    this.#built.add(normalizeReference(name), builder);
  }

  async resolve(reference: string): Promise<ResolvedImage | undefined> {
    const root = await this.#findRoot(reference);
    const image = root && (await this.#readIfWhole(root));
    const layerDirs = image && (await this.#layerDirs(image));
    if (!image || !layerDirs) return undefined;
    this.#lentUntilMs.set(image.id, this.#options.clock.monotonicMs() + lendingMs);
    const { repoDigests } = await this.#summarize(root, await this.#references.read());
    return { id: image.id, ref: repoDigests[0] ?? image.id, config: image.config.config ?? {}, layerDirs };
  }

  async list(): Promise<ImageSummary[]> {
    const references = await this.#references.read();
    const ids = Object.keys(references).filter(isId);
    const whole = await Promise.all(ids.map((id) => this.#readIfWhole(references[id] as string)));
    return Promise.all(
      ids.filter((_, index) => whole[index]).map((id) => this.#summarize(references[id] as string, references)),
    );
  }

  /** The image of a name, name with digest, id or unambiguous start of an id. */
  async find(reference: string): Promise<ImageSummary | undefined> {
    const root = await this.#findRoot(reference);
    const image = root && (await this.#readIfWhole(root));
    return image ? this.#summarize(root, await this.#references.read()) : undefined;
  }

  /** Takes in a `docker save` or OCI-layout tar. @returns the images with the names it gave. */
  async load(file: string, signal?: AbortSignal): Promise<ImageSummary[]> {
    return this.#adding(async () => {
      const loaded = await loadArchive(file, this.#content, signal);
      for (const { manifest } of loaded) await this.#unpack(manifest, signal);
      const summaries: ImageSummary[] = [];
      for (const { manifest, names } of loaded) summaries.push({ ...(await this.#register(manifest, names)), names });
      return summaries;
    }, signal);
  }

  /** Pulls by the OCI distribution protocol, what is missing only. */
  async pull(reference: string, { auth, signal, onProgress }: PullOptions = {}): Promise<ImageSummary> {
    const name = parseReference(reference);
    // Images of this pseudo-registry are made here; "always pull" means having the one there is.
    if (name.registry === ownRegistry) return (await this.find(reference)) ?? throwNotFound(reference);
    return this.#adding(async () => {
      const root = await pullImage(name, {
        content: this.#content,
        clock: this.#options.clock,
        needed: (image) => this.#layers.missing(image.layers),
        ...(auth && { auth }),
        ...(signal && { signal }),
        ...(onProgress && { onProgress }),
      });
      await this.#unpack(root, signal);
      const byDigest = formatReference({ ...name, tag: undefined, digest: root });
      return this.#register(root, [formatReference(name), byDigest]);
    }, signal);
  }

  /** Makes an image of this machine anew where what it was made from has changed since. */
  async refresh(name: string): Promise<void> {
    const full = normalizeReference(name);
    const root = (await this.#references.read())[full];
    const labels = root ? (await this.#readIfWhole(root))?.config.config?.Labels : undefined;
    if (await this.#built.isStale(full, labels)) await this.#build(full);
  }

  async tag(source: string, target: string): Promise<void> {
    const name = normalizeReference(target);
    if (name.includes('@')) throw new ImageError('Invalid', `"${target}" has a digest; a new name can only have a tag`);
    await this.#adding(async () => {
      const root = (await this.#findRoot(source)) ?? throwNotFound(source);
      await this.#register(root, [name]);
    });
  }

  /**
   * Takes a name away (all names, for an id); an image without names goes. @returns the names.
   * @throws ImageError NotFound; InUse – a container was made from it and this is its last name.
   */
  async remove(reference: string): Promise<string[]> {
    const removed: string[] = [];
    await this.#references.change(async (references) => {
      const root = this.#lookUp(references, reference) ?? throwNotFound(reference);
      const image = await this.#readIfWhole(root);
      const names = await this.#namesOf(root, image?.id, references);
      const name = this.#nameOf(reference, references);
      const { gone, isLast } = withoutNames(names, name === undefined ? names : [name]);
      if (image && isLast && (await this.#options.usedIds()).has(image.id))
        throw new ImageError('InUse', `image ${reference} is used by a container; delete its pod first`);
      removed.push(...gone);
      return Object.fromEntries(
        Object.entries(references).filter(([key]) => !gone.includes(key) && !(isLast && key === image?.id)),
      );
    });
    await this.prune();
    return removed;
  }

  /** Removes what no image needs, and what a crash left. While someone adds images it is left to them. */
  async prune(): Promise<void> {
    using alone = this.#lock.tryAlone();
    if (!alone) return;
    const metadata = new Set<string>();
    const chains: (readonly string[])[] = [];
    await this.#references.change(async (references) => {
      const kept = await this.#needed(references);
      for (const root of new Set(kept.map(([, target]) => target))) {
        const image = await this.#readIfWhole(root);
        for (const digest of image?.metadata ?? []) metadata.add(digest);
        if (image) chains.push(image.config.rootfs.diff_ids);
      }
      return kept.length === Object.keys(references).length ? undefined : Object.fromEntries(kept);
    });
    this.#read.clear();
    await this.#content.prune(metadata);
    await this.#layers.prune(chains);
  }

  /** Bytes and number of images as they travel; unpacked layers are not walked. */
  async diskUsage(): Promise<{ bytes: number; inodes: number }> {
    const sizes = (await this.list()).map(({ size }) => size);
    return { bytes: sizes.reduce((sum, size) => sum + size, 0), inodes: sizes.length };
  }

  /** Runs what adds content while nobody may take content away; cleans up after it, whatever its end. */
  async #adding<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    try {
      using _ = await this.#lock.share(signal);
      return await task();
    } catch (error) {
      if (!isErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
      throw new ImageError('Full', 'no space left for images; free some, then try again', { cause: error });
    } finally {
      // What cannot be removed now is found again at the end of the next such task.
      await this.prune().catch(() => undefined);
    }
  }

  /** Entries without the ids of images that have neither a name nor a container. */
  async #needed(references: References): Promise<[name: string, root: string][]> {
    const used = await this.#options.usedIds();
    const now = this.#options.clock.monotonicMs();
    const lent = (id: string) => (this.#lentUntilMs.get(id) ?? 0) > now;
    const entries = Object.entries(references);
    const roots = new Set(entries.flatMap(([name, root]) => (isId(name) ? [] : [root])));
    const named = new Set(await Promise.all([...roots].map(async (root) => (await this.#readIfWhole(root))?.id)));
    return entries.filter(([name]) => !isId(name) || used.has(name) || lent(name) || named.has(name));
  }

  async #unpack(root: string, signal?: AbortSignal): Promise<void> {
    const { layers } = await this.#readOnce(root);
    await this.#layers.ensure(layers, signal);
  }

  async #register(root: string, names: readonly string[]): Promise<ImageSummary> {
    const { id } = await this.#readOnce(root);
    const added = Object.fromEntries([id, ...names].map((name) => [name, root]));
    await this.#references.change((references) => ({ ...references, ...added }));
    return this.#summarize(root, await this.#references.read());
  }

  /** undefined where a layer is not unpacked and its blob not here: someone deleted it, and it can be pulled again. */
  async #layerDirs({ config, layers }: ImageContent): Promise<readonly string[] | undefined> {
    const found = this.#layers.find(config.rootfs.diff_ids);
    if (found) return found;
    const blobs = await Promise.all(this.#layers.missing(layers).map(({ blob }) => this.#content.has(blob)));
    return blobs.every(Boolean) ? this.#adding(() => this.#layers.ensure(layers)) : undefined;
  }

  /** Of the root, not by the table's entry for its id: someone may have taken the names away since. */
  async #summarize(root: string, references: References): Promise<ImageSummary> {
    const { id, config, sizeBytes } = await this.#readOnce(root);
    const all = await this.#namesOf(root, id, references);
    return {
      id,
      names: all.filter((name) => !name.includes('@')),
      repoDigests: all.filter((name) => name.includes('@')),
      manifest: root,
      size: sizeBytes,
      user: config.config?.User || undefined,
      created: config.created,
    };
  }

  /** Names and repository digests that lead to an image, by whatever manifest. */
  async #namesOf(root: string, id: string | undefined, references: References): Promise<string[]> {
    const names = Object.entries(references).filter(([name]) => !isId(name));
    const leads = names.map(async ([, other]) => other === root || (await this.#readIfWhole(other))?.id === (id ?? ''));
    const same = await Promise.all(leads);
    return names.flatMap(([name], index) => (same[index] ? [name] : [])).sort();
  }

  async #readOnce(root: string): Promise<ImageContent> {
    const image = this.#read.get(root) ?? (await readImage(this.#content, root));
    this.#read.set(root, image);
    return image;
  }

  /** undefined where a part of it is not here (anymore): it can be pulled again. */
  async #readIfWhole(root: string): Promise<ImageContent | undefined> {
    try {
      return await this.#readOnce(root);
    } catch (error) {
      if (error instanceof ImageError && error.code === 'NotFound') return undefined;
      throw error;
    }
  }

  async #findRoot(reference: string): Promise<string | undefined> {
    const root = this.#lookUp(await this.#references.read(), reference);
    if (root || isId(reference)) return root;
    const name = normalizeReference(reference);
    return this.#built.has(name) ? this.#build(name) : undefined;
  }

  #lookUp(references: References, reference: string): string | undefined {
    const name = this.#nameOf(reference, references);
    if (name !== undefined) return references[name];
    const ids = idsMatching(references, reference);
    if (ids.length > 1) throw new ImageError('Invalid', `"${reference}" is the start of several image ids`);
    return references[ids[0] ?? ''];
  }

  /** The key that a reference names, if it names one. A loaded image may also be asked for by its manifest's digest. */
  #nameOf(reference: string, references: References): string | undefined {
    if (isId(reference)) return undefined;
    const parsed = parseReference(reference);
    const name = formatReference(parsed);
    if (references[name] !== undefined || parsed.digest === undefined) return references[name] && name;
    const repository = `${parsed.registry}/${parsed.repository}:`;
    return Object.keys(references).find((key) => references[key] === parsed.digest && key.startsWith(repository));
  }

  #build(name: string): Promise<string> {
    return this.#built.once(name, (builder) =>
      this.#adding(async () => {
        const root = await builder.build(this.#content);
        await this.#unpack(root);
        await this.#register(root, [name]);
        return root;
      }),
    );
  }
}

function throwNotFound(reference: string): never {
  throw new ImageError('NotFound', `image "${reference}" is not on this machine; see: berth image list`);
}
