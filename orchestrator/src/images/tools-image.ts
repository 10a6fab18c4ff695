import { createReadStream, existsSync } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { runProgram } from '@berth/linux';
import { pack } from 'tar-stream';
import { type ImageBuilder, madeFromLabel } from './built-images.ts';
import type { ContentStore } from './content-store.ts';
import { architecture } from './image-manifest.ts';

/** The image that needs no registry: this machine's own shell, everyday commands and Node. */
export const toolsImageName = 'berth.local/tools:latest';

/** Part of what the image is known by: raised when it is put together differently. */
const layout = 1;

const commands = [
  'sh',
  'bash',
  'cat',
  'chmod',
  'chown',
  'cp',
  'cut',
  'date',
  'dd',
  'df',
  'du',
  'echo',
  'env',
  'expr',
  'false',
  'find',
  'grep',
  'head',
  'hostname',
  'id',
  'kill',
  'ln',
  'ls',
  'md5sum',
  'mkdir',
  'mkfifo',
  'mktemp',
  'mount',
  'mv',
  'nproc',
  'od',
  'printf',
  'ps',
  'pwd',
  'readlink',
  'rm',
  'rmdir',
  'sed',
  'seq',
  'sha256sum',
  'sleep',
  'sort',
  'stat',
  'sync',
  'tail',
  'tar',
  'tee',
  'test',
  'timeout',
  'touch',
  'tr',
  'true',
  'truncate',
  'tty',
  'uname',
  'uniq',
  'wc',
  'which',
  'whoami',
  'xargs',
  'ip',
] as const;

const searchPath = ['/usr/bin', '/bin', '/usr/sbin', '/sbin'];

interface TreeFile {
  /** In the image, without the leading slash. */
  readonly path: string;
  readonly source: string;
}

/**
 * Assembles the image from this machine's programs. It is made anew when one of them changes (an upgrade of Node or of the
 * C library), as pods would otherwise keep running what the machine no longer has. `nodeBinary` is the Node that runs Berth.
 */
export function toolsImage(nodeBinary: string): ImageBuilder {
  return {
    isCurrent: (madeFrom) => isCurrent(madeFrom, nodeBinary),
    build: async (content) => build(content, await collect(nodeBinary)),
  };
}

/** What the image was made from: nothing else than these files decides what it holds. */
interface MadeFrom {
  readonly layout: number;
  readonly files: Readonly<Record<string, readonly [size: number, mtimeMs: number]>>;
}

async function madeFrom(files: readonly TreeFile[]): Promise<string> {
  const facts = files.map(async ({ source }) => {
    const { size, mtimeMs } = await stat(source);
    return [source, [size, mtimeMs]] as const;
  });
  const made: MadeFrom = { layout, files: Object.fromEntries(await Promise.all(facts)) };
  return JSON.stringify(made);
}

/** Looks at the files alone: which libraries they need changes with them. */
async function isCurrent(label: string, nodeBinary: string): Promise<boolean> {
  const made = readLabel(label);
  if (made?.layout !== layout) return false;
  const programs = await findPrograms(nodeBinary);
  if (programs.some(({ source }) => made.files[source] === undefined)) return false;
  const same = Object.entries(made.files).map(async ([source, [size, mtimeMs]]) => {
    const now = await stat(source).catch(() => undefined);
    return now?.size === size && now.mtimeMs === mtimeMs;
  });
  return (await Promise.all(same)).every(Boolean);
}

function readLabel(label: string): MadeFrom | undefined {
  try {
    return JSON.parse(label) as MadeFrom;
  } catch {
    // Of an image that someone else made and named like ours.
    return undefined;
  }
}

async function build(content: ContentStore, files: readonly TreeFile[]): Promise<string> {
  const layer = await content.write(layerTar(files));
  const config = {
    architecture,
    os: 'linux',
    config: {
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'],
      Cmd: ['/bin/sh'],
      WorkingDir: '/',
      Labels: { [madeFromLabel]: await madeFrom(files) },
    },
    // An uncompressed layer is its own diff.
    rootfs: { type: 'layers', diff_ids: [layer] },
  };
  const configDigest = await content.write([Buffer.from(JSON.stringify(config))]);
  const describe = async (mediaType: string, digest: string) => ({
    mediaType: `application/vnd.oci.image.${mediaType}`,
    digest,
    size: await content.size(digest),
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: await describe('config.v1+json', configDigest),
    layers: [await describe('layer.v1.tar', layer)],
  };
  return content.write([Buffer.from(JSON.stringify(manifest))]);
}

async function findPrograms(nodeBinary: string): Promise<TreeFile[]> {
  const found = commands.flatMap((name) => {
    const source = searchPath.map((folder) => `${folder}/${name}`).find((path) => existsSync(path));
    return source ? [{ path: `usr/bin/${name}`, source }] : [];
  });
  const programs = [...found, { path: 'usr/local/bin/node', source: nodeBinary }];
  return Promise.all(programs.map(async (file) => ({ ...file, source: await realpath(file.source) })));
}

async function collect(nodeBinary: string): Promise<TreeFile[]> {
  const real = await findPrograms(nodeBinary);
  const libraries = await sharedLibraries(real.map(({ source }) => source));
  const names = await nssLibraries();
  return [
    ...real,
    ...[...new Set([...libraries, ...names])].map((source) => ({
      path: source.replace(/^\/(lib|lib64)\//, '/usr/$1/').slice(1),
      source,
    })),
  ];
}

/** What the dynamic loader would load; static programs have none. */
async function sharedLibraries(programs: readonly string[]): Promise<string[]> {
  const { stdout } = await runProgram('ldd', [...new Set(programs)]);
  return [...new Set([...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map(([, path]) => path as string))];
}

async function nssLibraries(): Promise<string[]> {
  const folder = `/lib/${process.arch === 'x64' ? 'x86_64' : 'aarch64'}-linux-gnu`;
  const entries = await readdir(folder).catch(() => []);
  return entries.filter((name) => /^libnss_(files|dns)\.so/.test(name)).map((name) => `${folder}/${name}`);
}

async function* layerTar(files: readonly TreeFile[]): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const done = fill(tar, files);
  done.catch((error: Error) => tar.destroy(error));
  yield* tar as unknown as AsyncIterable<Uint8Array>;
  await done;
}

async function fill(tar: ReturnType<typeof pack>, files: readonly TreeFile[]): Promise<void> {
  const mtime = new Date(0);
  const directories = new Set(['root', 'etc', 'var', 'var/tmp', 'home', 'proc', 'sys', 'dev', 'run']);
  for (const { path } of files)
    for (let folder = dirname(path); folder !== '.'; folder = dirname(folder)) directories.add(folder);
  for (const name of [...directories].sort()) tar.entry({ name, type: 'directory', mode: 0o755, mtime });
  tar.entry({ name: 'tmp', type: 'directory', mode: 0o1777, mtime });
  for (const name of ['bin', 'sbin', 'lib', 'lib64'])
    if (name !== 'sbin' || !directories.has('usr/sbin'))
      tar.entry({ name, type: 'symlink', linkname: name === 'sbin' ? 'usr/bin' : `usr/${name}`, mtime });
  tar.entry(
    { name: 'etc/passwd', mode: 0o644, mtime },
    'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
  );
  tar.entry({ name: 'etc/group', mode: 0o644, mtime }, 'root:x:0:\nnogroup:x:65534:\n');
  tar.entry({ name: 'etc/nsswitch.conf', mode: 0o644, mtime }, 'passwd: files\ngroup: files\nhosts: files dns\n');
  for (const file of files) await addFile(tar, file, mtime);
  tar.finalize();
}

async function addFile(tar: ReturnType<typeof pack>, { path, source }: TreeFile, mtime: Date): Promise<void> {
  const { size, mode } = await stat(source);
  const entry = tar.entry({ name: path, size, mode: mode & 0o755, mtime });
  await new Promise<void>((resolve, reject) => {
    const input = createReadStream(source);
    entry.on('error', reject);
    entry.on('finish', resolve);
    input.on('error', reject);
    input.on('data', (chunk) => {
      if (entry.write(chunk)) return;
      input.pause();
      entry.once('drain', () => input.resume());
    });
    input.on('end', () => (entry as unknown as { end(): void }).end());
  });
}
