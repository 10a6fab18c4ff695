import type { Readable } from 'node:stream';
import { Readable as NodeReadable } from 'node:stream';
import { type ContentStore, parseJson } from './content-store.ts';
import { ImageError } from './image-error.ts';
import { choosePlatform, type Descriptor, type Manifest } from './image-manifest.ts';
import { formatReference, type ImageReference } from './image-reference.ts';
import { bytes } from './load-archive.ts';

export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

export interface PullOptions {
  readonly auth?: RegistryAuth;
  readonly signal?: AbortSignal;
  readonly onProgress?: (line: string) => void;
}

const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/** Layers fetched beside each other. */
const parallel = 3;

/** Brings an image's manifest, config and layers into the content store (OCI distribution spec 1.1). @returns the manifest's digest. */
export async function pullImage(
  reference: ImageReference,
  content: ContentStore,
  options: PullOptions,
): Promise<string> {
  const registry = new Registry(reference, options);
  const { digest, manifest } = await pullManifest(registry, content, reference.digest ?? reference.tag ?? 'latest');
  const blobs = [manifest.config, ...(manifest.layers ?? [])].filter((blob) => blob !== undefined);
  const queue = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
  await Promise.all(
    Array.from({ length: parallel }, async () => {
      for (let blob = queue.shift(); blob; blob = queue.shift()) await pullBlob(registry, content, blob);
    }),
  );
  return digest;
}

async function pullManifest(
  registry: Registry,
  content: ContentStore,
  tagOrDigest: string,
): Promise<{ digest: string; manifest: Manifest }> {
  const text = await registry.manifest(tagOrDigest);
  const digest = await content.write(bytes(text), tagOrDigest.startsWith('sha256:') ? tagOrDigest : undefined);
  const manifest = parseJson<Manifest>(text, `manifest ${tagOrDigest}`);
  if (!manifest.manifests) return { digest, manifest };
  const chosen = choosePlatform(manifest.manifests);
  if (!chosen) throw new ImageError('NotFound', `no match for platform in manifest: not found`);
  return pullManifest(registry, content, chosen.digest);
}

async function pullBlob(registry: Registry, content: ContentStore, { digest, size }: Descriptor): Promise<void> {
  if (await content.has(digest)) return;
  registry.report(`${digest.slice(7, 19)}: pulling${size ? ` ${(size / 1e6).toFixed(1)} MB` : ''}`);
  await content.write(await registry.blob(digest), digest);
  registry.report(`${digest.slice(7, 19)}: done`);
}

/** One repository at its registry, with the token that it asked for. */
class Registry {
  readonly #reference: ImageReference;
  readonly #options: PullOptions;
  readonly #origin: string;
  #authorization: string | undefined;

  constructor(reference: ImageReference, options: PullOptions) {
    this.#reference = reference;
    this.#options = options;
    const host = reference.registry === 'docker.io' ? 'registry-1.docker.io' : reference.registry;
    // Plain HTTP only to this machine itself, as Docker and containerd do.
    this.#origin = `${/^(localhost|127\.\d+\.\d+\.\d+)(:\d+)?$/.test(host) ? 'http' : 'https'}://${host}`;
    if (options.auth?.registryToken) this.#authorization = `Bearer ${options.auth.registryToken}`;
  }

  report(line: string): void {
    this.#options.onProgress?.(line);
  }

  async manifest(tagOrDigest: string): Promise<string> {
    const response = await this.#get(`manifests/${tagOrDigest}`, { accept: manifestTypes });
    const text = await response.text();
    if (text.length > 4 * 1024 * 1024)
      throw new ImageError('Invalid', 'the registry answered a manifest of more than 4 MiB');
    return text;
  }

  async blob(digest: string): Promise<Readable> {
    const response = await this.#get(`blobs/${digest}`, {});
    if (!response.body) throw new ImageError('Unavailable', `registry gave no content for ${digest}`);
    return NodeReadable.fromWeb(response.body as Parameters<typeof NodeReadable.fromWeb>[0]);
  }

  async #get(path: string, headers: Record<string, string>): Promise<Response> {
    const url = `${this.#origin}/v2/${this.#reference.repository}/${path}`;
    let response = await this.#fetch(url, headers);
    if (response.status === 401) {
      await this.#authenticate(response.headers.get('www-authenticate') ?? '');
      response = await this.#fetch(url, headers);
    }
    if (response.ok) return response;
    await response.body?.cancel();
    const name = formatReference(this.#reference);
    if (response.status === 404)
      throw new ImageError('NotFound', `failed to resolve reference "${name}": ${name}: not found`);
    if (response.status === 401 || response.status === 403)
      throw new ImageError(
        'Denied',
        `pull access denied for ${name}: repository does not exist or may require authorization`,
      );
    throw new ImageError('Unavailable', `registry answered ${response.status} for ${name}`);
  }

  async #fetch(url: string, headers: Record<string, string>): Promise<Response> {
    const authorization = this.#authorization ? { authorization: this.#authorization } : {};
    try {
      return await fetch(url, {
        headers: { ...headers, ...authorization },
        ...(this.#options.signal ? { signal: this.#options.signal } : {}),
      });
    } catch (error) {
      if (this.#options.signal?.aborted) throw error;
      const cause = (error as { cause?: { message?: string } }).cause?.message ?? String(error);
      throw new ImageError(
        'Unavailable',
        `failed to pull "${formatReference(this.#reference)}": ${new URL(url).host}: ${cause}`,
        { cause: error },
      );
    }
  }

  /** Answers a challenge: Basic with the credentials, Bearer with a token from the realm it names (RFC 6750, Docker token spec). */
  async #authenticate(challenge: string): Promise<void> {
    const { username, password, identityToken } = this.#options.auth ?? {};
    const basic =
      username !== undefined ? `Basic ${Buffer.from(`${username}:${password ?? ''}`).toString('base64')}` : undefined;
    if (/^basic/i.test(challenge)) {
      this.#authorization = basic;
      return;
    }
    const parameters = Object.fromEntries(
      [...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
    );
    if (!/^bearer/i.test(challenge) || !parameters['realm']) return;
    const realm = new URL(parameters['realm']);
    if (parameters['service']) realm.searchParams.set('service', parameters['service']);
    realm.searchParams.set('scope', parameters['scope'] ?? `repository:${this.#reference.repository}:pull`);
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: identityToken ?? '',
      client_id: 'berth',
      service: parameters['service'] ?? '',
    });
    const signal = this.#options.signal ? { signal: this.#options.signal } : {};
    const response = identityToken
      ? await fetch(realm, { method: 'POST', body: form, ...signal })
      : await fetch(realm, { headers: basic ? { authorization: basic } : {}, ...signal });
    if (!response.ok)
      throw new ImageError(
        'Denied',
        `registry refused a token for ${formatReference(this.#reference)} (${response.status})`,
      );
    const { token, access_token: accessToken } = (await response.json()) as { token?: string; access_token?: string };
    this.#authorization = `Bearer ${token ?? accessToken ?? ''}`;
  }
}
