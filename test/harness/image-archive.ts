import { createHash } from 'node:crypto';
import { createWriteStream, readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

/** Content of a file that everybody may run, or one with a mode of its own. */
export type LayerEntry =
  | string
  | Buffer
  | { readonly symlink: string }
  | { readonly mode: number; readonly content?: string | Buffer };

export interface ImageRecipe {
  readonly name: string;
  /** Each layer, by path; one that ends in a slash is a directory. */
  readonly layers: readonly Readonly<Record<string, LayerEntry | undefined>>[];
  readonly config: {
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly WorkingDir?: string;
    readonly Env?: readonly string[];
    readonly User?: string;
  };
}

/** Parts of an image as registries and archives hold them. */
export interface BuiltImage {
  readonly config: Buffer;
  readonly layers: readonly Buffer[];
  readonly configDigest: string;
  readonly layerDigests: readonly string[];
}

export async function buildImage({ layers, config }: ImageRecipe): Promise<BuiltImage> {
  const tars = await Promise.all(layers.map(layerTar));
  const layerDigests = tars.map(digestOf);
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch;
  const json = Buffer.from(
    JSON.stringify({ architecture, os: 'linux', config, rootfs: { type: 'layers', diff_ids: layerDigests } }),
  );
  return { config: json, layers: tars, configDigest: digestOf(json), layerDigests };
}

/** Writes what `docker save` would. */
export async function writeDockerArchive(file: string, recipe: ImageRecipe): Promise<void> {
  const image = await buildImage(recipe);
  const names = image.layerDigests.map((digest) => `${digest.slice(7)}/layer.tar`);
  const configName = `${image.configDigest.slice(7)}.json`;
  await writeTar(file, {
    ...Object.fromEntries(names.map((name, i) => [name, image.layers[i] as Buffer])),
    [configName]: image.config,
    'manifest.json': Buffer.from(JSON.stringify([{ Config: configName, RepoTags: [recipe.name], Layers: names }])),
  });
}

export function manifestOf(image: BuiltImage): Buffer {
  const descriptor = (mediaType: string, content: Buffer) => ({
    mediaType,
    digest: digestOf(content),
    size: content.length,
  });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      config: descriptor('application/vnd.oci.image.config.v1+json', image.config),
      layers: image.layers.map((layer) => descriptor('application/vnd.oci.image.layer.v1.tar', layer)),
    }),
  );
}

export function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** A small web server from Debian's busybox-static, standing in for images that only a registry has. */
export function webServerRecipe(name: string): ImageRecipe {
  const busybox = readFileSync('/bin/busybox');
  const applets = [
    'sh',
    'cat',
    'echo',
    'ls',
    'sleep',
    'httpd',
    'wget',
    'id',
    'mkdir',
    'rm',
    'stat',
    'true',
    'false',
    'tar',
    'test',
    'hostname',
    'touch',
    'head',
    'df',
    'mount',
    'kill',
    'seq',
  ];
  const links = Object.fromEntries(applets.map((applet) => [`bin/${applet}`, { symlink: 'busybox' }]));
  return {
    name,
    layers: [
      {
        'bin/busybox': busybox,
        ...links,
        'etc/passwd': 'root:x:0:0:root:/:/bin/sh\nweb:x:101:101::/:/bin/sh\n',
        'etc/group': 'root:x:0:\nweb:x:101:\n',
        'tmp/': '',
      },
      { 'usr/share/nginx/html/': '' },
    ],
    config: {
      Entrypoint: ['/bin/busybox', 'httpd', '-f', '-p', '80', '-h', '/usr/share/nginx/html'],
      Env: ['PATH=/bin'],
    },
  };
}

async function layerTar(files: ImageRecipe['layers'][number]): Promise<Buffer> {
  const tar = pack();
  const mtime = new Date(0);
  for (const [path, content] of Object.entries(files)) {
    if (content === undefined) continue;
    const plain = typeof content === 'string' || Buffer.isBuffer(content);
    const mode = !plain && 'mode' in content ? content.mode : 0o755;
    if (path.endsWith('/')) tar.entry({ name: path, type: 'directory', mode, mtime });
    else if (!plain && 'symlink' in content)
      tar.entry({ name: path, type: 'symlink', linkname: content.symlink, mtime });
    else tar.entry({ name: path, mode, mtime }, (plain ? content : (content.content ?? '')) as Buffer);
  }
  tar.finalize();
  return collect(tar as unknown as AsyncIterable<Buffer>);
}

async function writeTar(file: string, entries: Readonly<Record<string, Buffer>>): Promise<void> {
  const tar = pack();
  for (const [name, content] of Object.entries(entries)) tar.entry({ name, mode: 0o644, mtime: new Date(0) }, content);
  tar.finalize();
  await pipeline(tar as unknown as AsyncIterable<Buffer>, createWriteStream(file));
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
