import { systemClock } from '@berth/kit';
import { linuxMounter } from '@berth/linux';
import type { Command } from 'commander';
import { ImageError } from '../images/image-error.ts';
import { type ImageSummary, Images } from '../images/image-store.ts';
import { BerthError } from './berth-error.ts';
import { DataDir } from './data-dir.ts';
import { formatBytes, formatData, formatTable, type OutputFormat, type Terminal } from './terminal.ts';

interface ImageOptions {
  readonly dataDir: string;
  readonly output: OutputFormat;
}

/** `berth image …`: works beside a running `berth up` and without one. */
export function addImageCommands(parent: Command, terminal: Terminal): void {
  const image = parent.command('image').description('load, pull and list the images that containers run from');
  const add = (usage: string, description: string) =>
    image
      .command(usage)
      .description(description)
      .option('--data-dir <dir>', 'data directory', '/var/lib/berth')
      .option('-o, --output <format>', 'table, json or yaml', 'table');
  const acting =
    (run: (images: Images, args: string[], options: ImageOptions) => Promise<void>) =>
    async (...all: unknown[]) => {
      const options = all.at(-2) as ImageOptions;
      const args = all.slice(0, -2).filter((arg) => typeof arg === 'string') as string[];
      await explaining(async () => run(await open(options), args, options));
    };
  add('load <file>', 'take in the images of a docker-save or OCI-layout tar').action(
    acting(async (images, [file = ''], { output }) => {
      const names = await images.load(file);
      terminal.out(
        output === 'table'
          ? names.map((name) => `loaded ${name}\n`).join('')
          : await formatData({ loaded: names }, output),
      );
    }),
  );
  add('pull <ref>', 'fetch an image from its registry').action(
    acting(async (images, [reference = ''], { output }) => {
      const digest = await images.pull(reference, undefined, { onProgress: (line) => terminal.err(`${line}\n`) });
      terminal.out(
        output === 'table'
          ? `pulled ${reference} ${digest}\n`
          : await formatData({ pulled: reference, digest }, output),
      );
    }),
  );
  add('list', 'the images on this machine')
    .alias('ls')
    .action(acting(async (images, _, { output }) => terminal.out(await formatImages(await images.list(), output))));
  add('tag <source> <name>', 'give an image another name').action(
    acting(async (images, [source = '', name = '']) => {
      await images.tag(source, name);
      terminal.out(`tagged ${source} as ${name}\n`);
    }),
  );
  add('remove <ref>', 'take a name away; content that no name needs goes too')
    .alias('rm')
    .action(
      acting(async (images, [reference = '']) => {
        for (const name of await images.remove(reference)) terminal.out(`removed ${name}\n`);
      }),
    );
  image.addHelpText(
    'after',
    '\nExamples:\n  docker save nginx:1.27 -o nginx.tar && berth image load nginx.tar\n  berth image pull registry.k8s.io/nginx-slim:0.8\n  berth image list -o json\n',
  );
}

function open({ dataDir }: ImageOptions): Promise<Images> {
  if (process.getuid?.() !== 0)
    throw new BerthError('NotRoot', 'images are kept with their files’ owners, which takes root', {
      hint: 'run it with sudo',
    });
  return Images.open({ folder: new DataDir(dataDir).images, mounter: linuxMounter, clock: systemClock });
}

async function explaining(run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof ImageError)
      throw new BerthError(error.code === 'NotFound' ? 'NotFound' : 'Failed', error.message, { cause: error });
    if ((error as { code?: string }).code === 'ENOENT')
      throw new BerthError('NotFound', `no such file: ${(error as { path?: string }).path ?? ''}`, { cause: error });
    throw error;
  }
}

async function formatImages(images: readonly ImageSummary[], output: OutputFormat): Promise<string> {
  if (output !== 'table')
    return formatData(
      images.map(({ id, names, manifest, size }) => ({ id, names, manifest, size })),
      output,
    );
  const rows = images.flatMap(({ id, names, size }) => names.map((name) => [name, id.slice(7, 19), formatBytes(size)]));
  return formatTable(['NAME', 'IMAGE ID', 'SIZE'], rows);
}
