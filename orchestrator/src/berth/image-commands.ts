import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { makeFolders, messageOf, systemClock } from '@berth/kit';
import { isErrno, linuxMounter } from '@berth/linux';
import { type Command, Option } from 'commander';
import { ImageError } from '../images/image-error.ts';
import { normalizeReference } from '../images/image-reference.ts';
import { type ImageSummary, Images } from '../images/image-store.ts';
import { toolsImage, toolsImageName } from '../images/tools-image.ts';
import { credentialsFor } from '../kubelet/containers/docker-credentials.ts';
import { BerthError } from './berth-error.ts';
import { DataDir } from './data-dir.ts';
import { formatBytes, formatData, formatTable, type OutputFormat, type Terminal } from './terminal.ts';
import { usedImageIds } from './used-images.ts';

interface ImageOptions {
  readonly dataDir: string;
  readonly output: OutputFormat;
}

type Hints = Readonly<Partial<Record<ImageError['code'], string>>>;

interface Verb {
  readonly usage: string;
  readonly description: string;
  readonly alias?: string;
  readonly more?: string;
  readonly examples: readonly [string, ...string[]];
  /** Brings images in: it may be the first that is done with a data directory. */
  readonly begins?: true;
  /** How many of its arguments, from the first, name images. */
  readonly names?: number;
  /** What to do next, by why it failed. */
  readonly hints?: Hints;
  readonly run: (images: Images, args: readonly string[], by: Asked) => Promise<void>;
}

interface Asked {
  /** Prints what was done, as text or as data. */
  readonly show: (text: string, data: unknown) => Promise<void>;
  readonly signal: AbortSignal;
}

/** `berth image …`: works beside a running `berth up` and without one. */
export function addImageCommands(
  parent: Command,
  { terminal, signal }: { readonly terminal: Terminal; readonly signal: AbortSignal },
): void {
  const image = parent.command('image').description('load, pull and list the images that containers run from');
  const all = verbs(terminal);
  for (const verb of all) {
    const command = image
      .command(verb.usage)
      .description(verb.description)
      .option('--data-dir <dir>', 'data directory', '/var/lib/berth')
      .addOption(
        new Option('-o, --output <format>', 'how to print').choices(['table', 'json', 'yaml']).default('table'),
      )
      .addHelpText('after', `${verb.more ?? ''}\nExamples:\n${verb.examples.map((line) => `  ${line}\n`).join('')}`)
      .action(async (...given: unknown[]) => {
        const options = given.at(-2) as ImageOptions;
        const args = given.slice(0, -2).filter((arg) => typeof arg === 'string');
        const show: Asked['show'] = async (text, data) =>
          terminal.out(options.output === 'table' ? text : await formatData(data, options.output));
        await explaining({ hints: verb.hints ?? {}, signal }, async () => {
          for (const name of args.slice(0, verb.names ?? 0)) checkName(name);
          await verb.run(await open(options, verb), args, { show, signal });
        });
      });
    if (verb.alias) command.alias(verb.alias);
  }
  image.addHelpText('after', `\nExamples:\n${all.map(({ examples }) => `  ${examples[0]}\n`).join('')}`);
}

function verbs(terminal: Terminal): Verb[] {
  return [loadVerb, pullVerb(terminal), listVerb, tagVerb, removeVerb];
}

const loadVerb: Verb = {
  usage: 'load <file>',
  begins: true,
  description: 'take in the images of a docker-save or OCI-layout tar, plain or compressed',
  examples: ['berth image load nginx.tar', 'docker save nginx:1.27 -o nginx.tar && berth image load nginx.tar'],
  run: async (images, [file = ''], { show, signal }) => {
    const loaded = await images.load(file, signal);
    const text = loaded.map(({ names, id }) => `loaded ${names.length > 0 ? names.join(', ') : id}\n`).join('');
    await show(text, { loaded: loaded.map(asData) });
  },
};

const listVerb: Verb = {
  usage: 'list',
  alias: 'ls',
  description: 'the images on this machine',
  examples: ['berth image list', 'berth image list -o json'],
  run: async (images, _, { show }) => {
    const list = await images.list();
    await show(formatImages(list), list.map(asData));
  },
};

const tagVerb: Verb = {
  usage: 'tag <source> <name>',
  names: 2,
  description: 'give an image another name',
  examples: ['berth image tag nginx:1.27 registry.k8s.io/nginx-slim:0.8'],
  run: async (images, [source = '', name = ''], { show }) => {
    await images.tag(source, name);
    await show(`tagged ${source} as ${name}\n`, { tagged: { source, name: normalizeReference(name) } });
  },
};

const removeVerb: Verb = {
  usage: 'remove <ref>',
  names: 1,
  alias: 'rm',
  description: 'take a name away (all, for an image id); an image without names goes',
  examples: ['berth image remove nginx:1.27', 'berth image remove 3f8a00f137a0'],
  run: async (images, [reference = ''], { show }) => {
    const removed = await images.remove(reference);
    await show(removed.map((name) => `removed ${name}\n`).join('') || `removed ${reference}\n`, { removed });
  },
};

const pullHelp = `
Credentials come from $DOCKER_CONFIG/config.json or ~/.docker/config.json ("docker login" writes it); pods use imagePullSecrets.
Behind a proxy set NODE_USE_ENV_PROXY=1 with HTTPS_PROXY and NO_PROXY; for a private certificate authority set
NODE_EXTRA_CA_CERTS=FILE, or NODE_USE_SYSTEM_CA=1 to trust what the system trusts. The same holds for "berth up".
`;

const pullHints: Hints = {
  Denied: 'log in with "docker login", or name the folder of a config.json with its credentials: DOCKER_CONFIG=DIR',
  Unavailable: 'proxies and private authorities: berth image pull --help; without the registry: berth image load FILE',
};

function pullVerb({ env, err }: Terminal): Verb {
  return {
    usage: 'pull <ref>',
    begins: true,
    names: 1,
    description: 'fetch an image from its registry',
    more: pullHelp,
    hints: pullHints,
    examples: [
      'berth image pull registry.k8s.io/nginx-slim:0.8',
      'HTTPS_PROXY=http://proxy:3128 NODE_USE_ENV_PROXY=1 berth image pull nginx',
      'NODE_EXTRA_CA_CERTS=/etc/ssl/company-ca.pem berth image pull registry.example.com/team/app:1',
    ],
    run: async (images, [reference = ''], { show, signal }) => {
      const auth = await dockerCredentials(reference, env);
      const onProgress = (line: string) => err(`${line}\n`);
      const pulled = await images.pull(reference, { onProgress, signal, ...(auth && { auth }) });
      await show(`pulled ${reference} ${pulled.manifest}\n`, { pulled: asData(pulled) });
    },
  };
}

function asData({ id, names, repoDigests, manifest, size, created }: ImageSummary) {
  return { id, names, repoDigests, manifest, size, ...(created === undefined ? {} : { created }) };
}

/** @throws BerthError Usage – no image can have that name. */
function checkName(name: string): void {
  try {
    normalizeReference(name);
  } catch (cause) {
    throw new BerthError('Usage', (cause as Error).message, {
      hint: 'an image name is REGISTRY/REPOSITORY:TAG in small letters, e.g. registry.k8s.io/nginx-slim:0.8',
      cause,
    });
  }
}

/** @throws BerthError NotRoot; NotFound – there is no data directory, and asking does not make one; Usage – it is someone else's. */
async function open({ dataDir }: ImageOptions, { begins }: Verb): Promise<Images> {
  if (process.getuid?.() !== 0)
    throw new BerthError('NotRoot', 'images are kept with their files’ owners, which takes root', {
      hint: 'run it as root: sudo npx berth image …',
    });
  const data = new DataDir(dataDir);
  if (!begins && !existsSync(data.path))
    throw new BerthError('NotFound', `there is no data directory ${data.path}`, {
      hint: 'name the one that was given to "berth up": --data-dir DIR',
    });
  await data.refuseForeign();
  await makeFolders(data.path, 0o711);
  const usedIds = () => usedImageIds(data);
  const images = await Images.open({ folder: data.images, mounter: linuxMounter, clock: systemClock, usedIds });
  images.provide(toolsImageName, toolsImage(process.execPath));
  return images;
}

/** What `docker login` left, if anything. */
async function dockerCredentials(reference: string, env: Terminal['env']) {
  const image = normalizeReference(reference);
  const file = join(env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return credentialsFor(JSON.parse(text)?.auths ?? {}, image)[0];
  } catch (error) {
    throw new BerthError('Failed', `${file} is not JSON`, { cause: error });
  }
}

interface Explained {
  readonly hints: Hints;
  readonly signal: AbortSignal;
}

async function explaining({ hints, signal }: Explained, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    const wrap = (code: 'NotFound' | 'Failed', message: string, hint?: string) =>
      new BerthError(code, message, { cause: error, ...(hint === undefined ? {} : { hint }) });
    if (signal.aborted)
      throw new BerthError('Interrupted', `${messageOf(signal.reason)}: no image was added`, { cause: error });
    const { path, message } = error as { path?: string; message: string };
    if (error instanceof ImageError)
      throw wrap(error.code === 'NotFound' ? 'NotFound' : 'Failed', message, hints[error.code]);
    if (isErrno(error, 'ENOENT')) throw wrap('NotFound', `no such file: ${path ?? ''}`);
    if (isErrno(error, 'EISDIR')) throw wrap('Failed', 'that is a directory, not an archive', 'give it the tar file');
    if (isErrno(error, 'EACCES', 'EPERM', 'EROFS')) throw wrap('Failed', message);
    throw error;
  }
}

function formatImages(images: readonly ImageSummary[]): string {
  const rows = images.flatMap(({ id, names, size }) =>
    (names.length > 0 ? names : ['<none>']).map((name) => [name, id.slice(7, 19), formatBytes(size)]),
  );
  return formatTable(['NAME', 'IMAGE ID', 'SIZE'], rows.sort());
}
